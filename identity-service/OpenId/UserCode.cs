using System.Security.Cryptography;

namespace AuthMesh.Identity.OpenId;

/// <summary>
/// What a user copies from a device: 8 of 20 letters. Without vowels they make no word, and none of them looks like a digit (RFC 8628
/// §6.1).
/// </summary>
internal static class UserCode
{
    private const int Length = 8;

    private const string Letters = "BCDFGHJKLMNPQRSTVWXZ";

    // Full-width letters and signs, which a Japanese keyboard types.
    private const char FirstFullWidth = '！', LastFullWidth = '～';

    public static string Create() => RandomNumberGenerator.GetString(Letters, Length);

    /// <summary>As people read it: <c>WDJB-MJHT</c>.</summary>
    public static string Show(string code) => $"{code[..(Length / 2)]}-{code[(Length / 2)..]}";

    /// <summary>Reads what somebody typed. Case, spaces and hyphens do not matter.</summary>
    /// <returns>The code as it is stored, or null if no code is like that.</returns>
    public static string? TryParse(string? typed)
    {
        if (typed is null or { Length: > 64 })
        {
            return null;
        }

        var code = string.Concat(typed
            .Select(c => c is >= FirstFullWidth and <= LastFullWidth ? (char)(c - FirstFullWidth + '!') : c)
            .Where(c => !char.IsWhiteSpace(c) && char.GetUnicodeCategory(c) != System.Globalization.UnicodeCategory.DashPunctuation)
            .Select(char.ToUpperInvariant));
        return code.Length == Length && code.All(c => Letters.Contains(c, StringComparison.Ordinal)) ? code : null;
    }
}
