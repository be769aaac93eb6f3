using System.Diagnostics.Metrics;

namespace AuthMesh.Gateway;

/// <summary>The limits of the gateway on requests.</summary>
internal enum RequestLimit
{
    Anonymous,
    SignIn,
    SignedIn,
    PerDestination,
    PerClient,
}

/// <summary>Counts the requests that the limits refuse, and logs for each limit now and then that it does.</summary>
internal sealed partial class RefusedRequests
{
    private static readonly int Limits = Enum.GetValues<RequestLimit>().Length;

    private readonly Counter<long> refused;
    private readonly Seldom[] lines;
    private readonly long[] unlogged = new long[Limits];
    private readonly ILogger<RefusedRequests> logger;

    /// <summary>Create one instance per process.</summary>
    public RefusedRequests(IMeterFactory meters, TimeProvider clock, ILogger<RefusedRequests> logger)
    {
        this.logger = logger;
        lines = [.. Enumerable.Range(0, Limits).Select(_ => new Seldom(clock))];
        refused = meters.Create("AuthMesh.Gateway").CreateCounter<long>(
            "authmesh.requests.refused", "{request}", "Requests that a limit of the gateway refused, by limit.");
        foreach (var limit in Enum.GetValues<RequestLimit>()) // so that an alert sees the increase by the first one
        {
            refused.Add(0, new KeyValuePair<string, object?>("limit", Describe(limit).Name));
        }
    }

    /// <param name="limit">The limit.</param>
    /// <param name="caller">The client, the session or the destination, for the log.</param>
    public void Count<T>(RequestLimit limit, T caller)
        where T : notnull
    {
        var (name, setting) = Describe(limit);
        refused.Add(1, new KeyValuePair<string, object?>("limit", name));
        Interlocked.Increment(ref unlogged[(int)limit]);
        if (lines[(int)limit].IsDue())
        {
            LogRefused(setting, Interlocked.Exchange(ref unlogged[(int)limit], 0), $"{caller}");
        }
    }

    private static (string Name, string Setting) Describe(RequestLimit limit) => limit switch
    {
        RequestLimit.Anonymous => ("anonymous", "RateLimits:Anonymous"),
        RequestLimit.SignIn => ("sign_in", "RateLimits:SignIn"),
        RequestLimit.SignedIn => ("signed_in", "RateLimits:SignedIn"),
        RequestLimit.PerDestination => ("per_destination", "Concurrency:PerDestination"),
        _ => ("per_client", "Concurrency:PerClient"),
    };

    [LoggerMessage(
        LogLevel.Warning, "Gateway:{Setting} has refused {Count} requests since the last such warning, most recently from {Caller}")]
    private partial void LogRefused(string setting, long count, string caller);
}
