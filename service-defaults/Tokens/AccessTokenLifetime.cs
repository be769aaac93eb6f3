namespace AuthMesh.Tokens;

/// <summary>How long an access token, and everything that depends on it, can live.</summary>
public static class AccessTokenLifetime
{
    /// <summary>The longest lifetime that <c>Identity:Tokens:AccessTokenLifetime</c> allows.</summary>
    public static readonly TimeSpan Longest = TimeSpan.FromHours(1);

    /// <summary>
    /// How long to remember a revocation or a retired signing key: until the last token that it concerns has expired, plus ten minutes for
    /// clocks and delays.
    /// </summary>
    public static readonly TimeSpan Remembered = Longest + TimeSpan.FromMinutes(10);
}
