using System.Diagnostics.Metrics;

namespace AuthMesh.Gateway.Sessions;

/// <summary>
/// Counts what became of session cookies and keys: how often the gateway held the token, and the exchanges that it needed.
/// </summary>
internal sealed class SessionMetrics
{
    private static readonly KeyValuePair<string, object?> Remembered = new("result", "remembered");
    private static readonly KeyValuePair<string, object?> Exchanged = new("result", "exchanged");
    private static readonly KeyValuePair<string, object?> Refused = new("result", "refused");
    private static readonly KeyValuePair<string, object?> Unavailable = new("result", "unavailable");

    private readonly Counter<long> cookies, keys;

    public SessionMetrics(IMeterFactory meters)
    {
        var meter = meters.Create("AuthMesh.Gateway");
        cookies = meter.CreateCounter<long>("authmesh.session_cookies.checked", "{cookie}", "Session cookies checked, by result.");
        keys = meter.CreateCounter<long>("authmesh.api_keys.checked", "{key}", "Keys of users checked, by result.");
        foreach (var result in (KeyValuePair<string, object?>[])[Remembered, Exchanged, Refused, Unavailable])
        {
            cookies.Add(0, result);
            keys.Add(0, result);
        }
    }

    public void CountRemembered(Credential credential) => CounterOf(credential).Add(1, Remembered);

    public void CountRememberedKey() => keys.Add(1, Remembered);

    /// <summary>Counts an exchange, once for all requests that waited for it.</summary>
    public void Count(Credential credential, Exchanged exchanged) => CounterOf(credential).Add(
        1,
        exchanged.Token is not null ? Exchanged
        : exchanged.Failure?.Status == StatusCodes.Status503ServiceUnavailable ? Unavailable : Refused);

    private Counter<long> CounterOf(Credential credential) => credential is ApiKey ? keys : cookies;
}
