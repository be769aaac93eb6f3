using System.Diagnostics.Metrics;

namespace AuthMesh.Tokens;

/// <summary>Counts how access tokens were judged: the hits of the cache, its misses, and refusals.</summary>
internal sealed class TokenMetrics
{
    private static readonly KeyValuePair<string, object?> Remembered = new("result", "remembered");
    private static readonly KeyValuePair<string, object?> Verified = new("result", "verified");
    private static readonly KeyValuePair<string, object?> Refused = new("result", "refused");

    private readonly Counter<long> tokens;

    public TokenMetrics(IMeterFactory meters)
    {
        tokens = meters.Create("AuthMesh.Tokens").CreateCounter<long>(
            "authmesh.tokens.checked", "{token}", "Access tokens checked, by result.");
        tokens.Add(0, Remembered);
        tokens.Add(0, Verified);
        tokens.Add(0, Refused);
    }

    /// <summary>The signature was verified for an earlier request.</summary>
    public void CountRemembered() => tokens.Add(1, Remembered);

    /// <summary>The signature was verified for this request.</summary>
    public void CountVerified() => tokens.Add(1, Verified);

    public void CountRefused() => tokens.Add(1, Refused);
}
