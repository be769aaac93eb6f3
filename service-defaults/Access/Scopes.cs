using System.Buffers;

namespace AuthMesh.Access;

/// <summary>
/// The scopes of a token (RFC 6749 §3.3). Keys and applications have them: the token of a sign-in has none, and nothing limits it.
/// </summary>
public static class Scopes
{
    /// <summary>
    /// The token acts as its user, with the user's role. Without it, a token opens only endpoints that name one of its scopes.
    /// </summary>
    public const string Mesh = "mesh";

    /// <summary>How many scopes a token holds at most.</summary>
    public const int Most = 16;

    /// <summary>The form of a scope, as the end of a sentence.</summary>
    public const string Rule = "must be 1 to 64 letters, digits and . _ - : / and begin with a letter or digit";

    private const int LongestScope = 64;

    // Narrower than RFC 6749 §3.3, so that a scope needs no quoting in headers, settings and shells.
    private static readonly SearchValues<char> Characters =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-:/");

    /// <returns>Whether the text has the form of a scope. Scopes are case-sensitive.</returns>
    public static bool IsScope(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return text.Length is >= 1 and <= LongestScope && char.IsAsciiLetterOrDigit(text[0])
            && !text.AsSpan().ContainsAnyExcept(Characters);
    }

    /// <summary>Reads the claim <c>scope</c>.</summary>
    /// <returns>Its scopes, or null unless they are at most <see cref="Most"/> different ones with single spaces between them.</returns>
    internal static string[]? TryRead(string claim)
    {
        var scopes = claim.Split(' ', Most + 1);
        return scopes.Length <= Most && Array.TrueForAll(scopes, IsScope)
            && scopes.Distinct(StringComparer.Ordinal).Count() == scopes.Length ? scopes : null;
    }
}
