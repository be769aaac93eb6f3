using System.Buffers;
using System.Diagnostics.CodeAnalysis;

namespace AuthMesh.Identity.Applications;

/// <summary>
/// The rules for addresses to which a browser leads back. A presented address must be the registered one, character by character; of an
/// address of the device itself, any port counts (RFC 9700 §2.1, RFC 8252 §7.3).
/// </summary>
internal static class RedirectUri
{
    public const int Longest = 1024, Most = 20;

    private const string Rule =
        "must be https, without fragment and user, and written in its shortest form with a path, such as https://app.example.com/callback";

    // RFC 3986 §2, without the characters that browsers and servers read differently.
    private static readonly SearchValues<char> Characters =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:/?[]!$&'()*+,;=%");

    private static readonly string[] Loopback = ["http://127.0.0.1", "http://[::1]"];

    /// <returns>Why an application of this kind must not register the address, as the end of a sentence; or null.</returns>
    public static string? FindFault(string? uri, string kind, bool isDevelopment)
    {
        if (!TryParse(uri, out var parsed))
        {
            return Rule;
        }

        return parsed.Scheme switch
        {
            "https" when parsed.Host.Length > 0 => null,
            "http" when kind == ApplicationKind.Native && Loopback.Contains($"http://{parsed.Host}") => null,
            "http" when kind is ApplicationKind.Spa or ApplicationKind.Web && parsed.Host == "localhost" && isDevelopment => null,
            // RFC 8252 §7.1: a scheme by a domain name that its owner reverses. Without a dot, anybody's.
            _ when kind == ApplicationKind.Native && parsed.Scheme.Contains('.', StringComparison.Ordinal) => null,
            _ when kind == ApplicationKind.Native =>
                $"{Rule}; or com.example.app:/callback, http://127.0.0.1/callback or http://[::1]/callback",
            _ when isDevelopment => $"{Rule}; in Development, also http://localhost:PORT/callback",
            _ => Rule,
        };
    }

    /// <summary>Reads an address in its shortest form, without fragment and user.</summary>
    public static bool TryParse([NotNullWhen(true)] string? uri, [NotNullWhen(true)] out Uri? parsed)
    {
        parsed = null;
        return uri is { Length: > 0 and <= Longest } && !uri.AsSpan().ContainsAnyExcept(Characters)
            && Uri.TryCreate(uri, UriKind.Absolute, out parsed) && parsed.AbsoluteUri == uri && parsed.UserInfo.Length == 0;
    }

    /// <summary>Whether one of the registered addresses is the presented one.</summary>
    public static bool Matches(IEnumerable<string> registered, string presented, string kind) =>
        presented.Length <= Longest
        && registered.Any(uri => uri == presented || (kind == ApplicationKind.Native && IsSameButForPort(uri, presented)));

    /// <summary>
    /// Whether other programs on the device cannot take the address for themselves: only an https address of a native application is
    /// claimed by its domain (RFC 8252 §7.2).
    /// </summary>
    public static bool IsClaimed(string uri) => uri.StartsWith("https://", StringComparison.Ordinal);

    private static bool IsSameButForPort(string registered, string presented) =>
        Loopback.FirstOrDefault(origin => registered.StartsWith(origin, StringComparison.Ordinal)) is { } origin
        && presented.StartsWith(origin, StringComparison.Ordinal)
        && TryCutPort(registered.AsSpan(origin.Length), out var expected) && TryCutPort(presented.AsSpan(origin.Length), out var rest)
        && rest.SequenceEqual(expected);

    private static bool TryCutPort(ReadOnlySpan<char> text, out ReadOnlySpan<char> rest)
    {
        rest = text;
        if (text is [':', ..])
        {
            var end = text[1..].IndexOfAnyExceptInRange('0', '9') is >= 0 and var length ? length + 1 : text.Length;
            rest = text[end..];
            return end is > 1 and <= 6 && int.Parse(text[1..end]) is > 0 and <= ushort.MaxValue && text[1] != '0' && rest is ['/', ..];
        }

        return rest is ['/', ..];
    }
}
