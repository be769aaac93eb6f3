using System.Diagnostics.Metrics;

namespace AuthMesh.Gateway.Sessions;

/// <summary>Counts what became of session cookies: how often the gateway held the token, and the exchanges that it needed.</summary>
internal sealed class SessionMetrics
{
    private static readonly KeyValuePair<string, object?> Remembered = new("result", "remembered");
    private static readonly KeyValuePair<string, object?> Exchanged = new("result", "exchanged");
    private static readonly KeyValuePair<string, object?> Refused = new("result", "refused");
    private static readonly KeyValuePair<string, object?> Unavailable = new("result", "unavailable");

    private readonly Counter<long> cookies;

    public SessionMetrics(IMeterFactory meters)
    {
        cookies = meters.Create("AuthMesh.Gateway").CreateCounter<long>(
            "authmesh.session_cookies.checked", "{cookie}", "Session cookies checked, by result.");
        foreach (var result in (KeyValuePair<string, object?>[])[Remembered, Exchanged, Refused, Unavailable])
        {
            cookies.Add(0, result);
        }
    }

    public void CountRemembered() => cookies.Add(1, Remembered);

    /// <summary>Counts an exchange, once for all requests that waited for it.</summary>
    public void Count(Exchanged exchanged) => cookies.Add(
        1,
        exchanged.Token is not null ? Exchanged
        : exchanged.Failure?.Status == StatusCodes.Status503ServiceUnavailable ? Unavailable : Refused);
}
