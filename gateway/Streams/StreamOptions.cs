using AuthMesh.Settings;

namespace AuthMesh.Gateway.Streams;

/// <summary>The section <c>Gateway:Streams</c>.</summary>
public sealed class StreamOptions
{
    /// <summary>How many streams one session may hold at a time: 1 to 1,000. A user may hold five times as many.</summary>
    public int PerSession { get; set; } = 10;

    /// <summary>
    /// How many WebSockets the gateway holds at most: 100 to 200,000. Each takes two file descriptors, and memory as
    /// docs/live-connections.md says.
    /// </summary>
    public int Total { get; set; } = 20_000;

    /// <summary>
    /// How many other streams the gateway holds at most: 100 to 9,000. Over HTTP/1.1 each takes one of the 10,000 connections that the
    /// gateway holds, and some must stay free for other requests.
    /// </summary>
    public int TotalEvents { get; set; } = 8_000;

    /// <summary>
    /// How long a stream may carry nothing in either direction before the gateway cuts it: 10 seconds to a day. A service that pings more
    /// often than that keeps its streams.
    /// </summary>
    public TimeSpan IdleTimeout { get; set; } = TimeSpan.FromMinutes(10);

    internal void Check(SettingProblems problems)
    {
        const string Section = "Streams:";
        problems.Unless(PerSession is >= 1 and <= 1_000, Section + nameof(PerSession), "must be 1 to 1000.");
        problems.Unless(Total is >= 100 and <= 200_000, Section + nameof(Total), "must be 100 to 200000.");
        problems.Unless(
            TotalEvents is >= 100 and <= 9_000, Section + nameof(TotalEvents),
            "must be 100 to 9000: such streams take connections, of which the gateway holds 10000.");
        problems.Unless(
            IdleTimeout >= TimeSpan.FromSeconds(10) && IdleTimeout <= TimeSpan.FromDays(1), Section + nameof(IdleTimeout),
            "must be 00:00:10 to 1.00:00:00.");
    }
}
