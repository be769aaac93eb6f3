using AuthMesh.Settings;

namespace AuthMesh.Gateway.Concurrency;

/// <summary>
/// The section <c>Gateway:Concurrency</c>: how many requests each destination gets at a time from this gateway, without streams, which have
/// limits of their own.
/// </summary>
public sealed class ConcurrencyOptions
{
    /// <summary>How many requests may be under way at one destination: 1 to 100,000.</summary>
    public int PerDestination { get; set; } = 1_000;

    /// <summary>
    /// How many of them one client (an IPv4 address or an IPv6 /64) may have, the waiting ones included: 1 to 100,000. Otherwise one client
    /// that sends slowly could hold all places.
    /// </summary>
    public int PerClient { get; set; } = 250;

    /// <summary>How many more may wait for each destination, first come, first served: 0 to 100,000.</summary>
    public int Queue { get; set; } = 500;

    /// <summary>How long a request may wait: 100 milliseconds to 10 seconds, and at most half the Timeout of its route.</summary>
    public TimeSpan LongestWait { get; set; } = TimeSpan.FromSeconds(2);

    internal void Check(SettingProblems problems)
    {
        const string Section = "Concurrency:";
        const int Most = 100_000;
        problems.Unless(PerDestination is >= 1 and <= Most, Section + nameof(PerDestination), $"must be 1 to {Most}.");
        problems.Unless(PerClient is >= 1 and <= Most, Section + nameof(PerClient), $"must be 1 to {Most}.");
        problems.Unless(Queue is >= 0 and <= Most, Section + nameof(Queue), $"must be 0 to {Most}.");
        problems.Unless(
            LongestWait >= TimeSpan.FromMilliseconds(100) && LongestWait <= TimeSpan.FromSeconds(10), Section + nameof(LongestWait),
            "must be 00:00:00.1 to 00:00:10.");
    }
}
