namespace AuthMesh.Tokens;

/// <summary>How long an access token, and all that depends on it, can live.</summary>
public static class AccessTokenLifetime
{
    /// <summary>The longest lifetime that <c>Identity:Tokens:AccessTokenLifetime</c> allows.</summary>
    public static readonly TimeSpan Longest = TimeSpan.FromHours(1);

    /// <summary>
    /// How long a revocation, and a signing key that retired, must be remembered: until the last token that they concern has expired, and
    /// ten minutes more for clocks and delays.
    /// </summary>
    public static readonly TimeSpan Remembered = Longest + TimeSpan.FromMinutes(10);
}
