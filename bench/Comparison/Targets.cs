namespace AuthMesh.Bench.Comparison;

/// <summary>The target of each row, in the order of the table. A row's ratio is AuthMesh's value divided by the alternative's.</summary>
internal static class Targets
{
    // Requests per second for GET /protected.
    public static readonly Reach AgainstBareYarp = new Reach.AtLeast(0.9);
    public static readonly Reach AgainstRememberingHaProxy = new Reach.AtLeast(0.55);
    public static readonly Reach AgainstVerifyingHaProxy = new Reach.AtLeast(1.4);
    public static readonly Reach AgainstNginx = new Reach.AtLeast(0.45);
    public static readonly Reach ByCookie = new Reach.AtLeast(0.9);
    public static readonly Reach ByKey = new Reach.AtLeast(0.95);

    // What one request for GET /protected costs.
    public static readonly Limit BytesPerRequest = new(4_500, "bytes");
    public static readonly Reach LoneCaller = new Reach.AtMost(0.36 / 0.23); // 0.36 ms where a bare YARP takes 0.23
    public static readonly Reach FirstSight = new Reach.AtMost(1.15);

    public static readonly Reach Refresh = new Reach.AtLeast(0.5);
    public static readonly Reach Code = new Reach.AtLeast(0.5);
    public static readonly Reach Login = new Reach.AtLeast(0.85);

    public static readonly Limit FirstByte = new(10, "ms");
    public static readonly Limit Revocation = new(500, "ms");

    public static readonly Reach Start = new Reach.AtMost(1.5);
    public static readonly Reach FirstSeconds = new Reach.AtLeast(0.9);
    public static readonly Limit IdleMemory = new(192, "MB");

    public static readonly Reach Growth = new Reach.AtMost(1.2);

    /// <summary>The same requests with HTTP/2 between gateway and service, against the same alternatives.</summary>
    public static class OverHttp2
    {
        public static readonly Reach AgainstBareYarp = new Reach.AtLeast(1.4);
        public static readonly Reach AgainstRememberingHaProxy = new Reach.AtLeast(0.9);
        public static readonly Reach AgainstVerifyingHaProxy = new Reach.AtLeast(2.2);
        public static readonly Reach AgainstNginx = new Reach.AtLeast(0.7);
    }

    /// <summary>For rows that only show a ratio.</summary>
    public static readonly Reach None = new Reach.Shown();

    /// <summary>A target that is a fixed value. Its row compares with this value, so a ratio of 1 just reaches it.</summary>
    public sealed record Limit(double Value, string Unit)
    {
        public Reach Reach { get; } = new Reach.AtMost(1);

        public override string ToString() => FormattableString.Invariant($"{Value:N0} {Unit}");
    }
}
