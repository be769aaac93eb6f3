using AuthMesh.Settings;

namespace AuthMesh.Gateway.RateLimiting;

/// <summary>
/// The section <c>Gateway:RateLimits</c>: how many requests a client may send, by class of the route. Each replica of the gateway counts by
/// itself.
/// </summary>
public sealed class RateLimitOptions
{
    /// <summary>
    /// Routes for everybody, and requests without a valid token for other routes, by client network: an IPv4 address or an IPv6 /64.
    /// </summary>
    public RateOptions Anonymous { get; set; } = new() { Requests = 1_000, Window = TimeSpan.FromSeconds(10) };

    /// <summary>Routes that sign in, register or redeem a link, by client network.</summary>
    public RateOptions SignIn { get; set; } = new() { Requests = 600, Window = TimeSpan.FromMinutes(1) };

    /// <summary>Routes for signed-in callers, by session.</summary>
    public RateOptions SignedIn { get; set; } = new() { Requests = 1_000, Window = TimeSpan.FromSeconds(10) };

    /// <summary>Whether these limits, and <c>Gateway:Concurrency:PerClient</c>, apply to this machine's own addresses too.</summary>
    public bool LimitLoopback { get; set; }

    internal void Check(SettingProblems problems)
    {
        Anonymous.Check(problems, nameof(Anonymous));
        SignIn.Check(problems, nameof(SignIn));
        SignedIn.Check(problems, nameof(SignedIn));
    }
}

/// <summary>A number of requests in a time. They may come at once; then further ones fit one by one, evenly spread over the time.</summary>
public sealed class RateOptions
{
    /// <summary>1 to 1,000,000.</summary>
    public int Requests { get; set; }

    /// <summary>1 second to a day.</summary>
    public TimeSpan Window { get; set; }

    internal void Check(SettingProblems problems, string name)
    {
        problems.Unless(Requests is >= 1 and <= 1_000_000, $"RateLimits:{name}:{nameof(Requests)}", "must be 1 to 1000000.");
        problems.Unless(
            Window >= TimeSpan.FromSeconds(1) && Window <= TimeSpan.FromDays(1), $"RateLimits:{name}:{nameof(Window)}",
            "must be 00:00:01 to 1.00:00:00.");
    }
}
