using System.Buffers;
using System.Net.Http.Json;
using System.Text;
using AuthMesh.Tokens;
using Microsoft.Extensions.Primitives;

namespace AuthMesh.Gateway.Sessions;

/// <summary>A key of a user, as scripts send it: <c>Authorization: Bearer am_…</c>.</summary>
internal sealed class ApiKey : Credential
{
    private const string Scheme = "Bearer "; // RFC 6750 §2.1
    private const string Basic = "Basic "; // RFC 7617, as curl -u sends it
    private const int LongestBasic = 8 * 1024;

    // RFC 6750 §2.1, without the = at a token's end. A JWT may contain am_ between such characters, though it seldom does.
    private static readonly SearchValues<char> TokenCharacters =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/");

    private static readonly Uri Path = new("/internal/keys/exchange", UriKind.Relative);

    private ApiKey(string text, string? audience)
        : base(text, audience)
    {
    }

    public override string RefusalCode => "invalid_key";

    /// <summary>Whether the text holds a key in any place. By the checksum, hardly any other text does.</summary>
    public static bool IsIn(ReadOnlySpan<char> text)
    {
        for (int at; (at = text.IndexOf(KeyText.Prefix, StringComparison.Ordinal)) >= 0; text = text[(at + 1)..])
        {
            if (text.Length - at >= KeyText.Length && KeyText.IsValid(text.Slice(at, KeyText.Length)))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>
    /// Whether the header Authorization holds a key, however the client misplaced it, or a word that begins like one. No service may see
    /// it.
    /// </summary>
    public static bool IsIn(StringValues authorization)
    {
        foreach (var header in authorization)
        {
            if (IsInCredentials(header))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>
    /// Removes the keys from the headers and leaves other credentials: a logout ends the sessions of all that it is given (RFC 9110 §5.3
    /// joins repeated headers with commas).
    /// </summary>
    public static StringValues RemoveFrom(StringValues authorization) => new(
        [.. authorization.SelectMany(header => header!.Split(',', StringSplitOptions.TrimEntries)).Where(part => !IsInCredentials(part))]);

    /// <returns>The text that the one header presents as a bearer token; empty if it has another form.</returns>
    public static ReadOnlySpan<char> Present(StringValues authorization) =>
        authorization is [{ } header] && header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)
            ? header.AsSpan(Scheme.Length).Trim()
            : default;

    /// <returns>The key, or null if the identity service cannot have made this text.</returns>
    public static ApiKey? TryParse(ReadOnlySpan<char> text, string? audience) =>
        KeyText.IsValid(text) ? new ApiKey(text.ToString(), audience) : null;

    public override HttpRequestMessage ToExchange() => new(HttpMethod.Post, Path)
    {
        Content = JsonContent.Create(new KeyExchangeRequest(Text, Audience), GatewayJson.Default.KeyExchangeRequest),
    };

    private static bool IsInCredentials(ReadOnlySpan<char> header) =>
        IsIn(header)
        || (header.StartsWith(Basic, StringComparison.OrdinalIgnoreCase) ? IsInBasic(header[Basic.Length..].Trim()) : HasWord(header));

    private static bool HasWord(ReadOnlySpan<char> header)
    {
        for (var from = 0; header[from..].IndexOf(KeyText.Prefix, StringComparison.Ordinal) is var at and >= 0; from++)
        {
            from += at;
            if (from == 0 || !TokenCharacters.Contains(header[from - 1]))
            {
                return true;
            }
        }

        return false;
    }

    // A user's name may begin with am_. A key in these credentials is whole.
    private static bool IsInBasic(ReadOnlySpan<char> credentials)
    {
        Span<byte> decoded = stackalloc byte[LongestBasic];
        var padded = credentials.TrimEnd('=').ToString();
        padded = padded.PadRight((padded.Length + 3) / 4 * 4, '=');
        return padded.Length > LongestBasic
            || (Convert.TryFromBase64String(padded, decoded, out var length) && IsIn(Encoding.Latin1.GetString(decoded[..length])));
    }
}
