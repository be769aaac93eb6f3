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
    private const int LongestBasic = 4096;

    // RFC 6750 §2.1, without the = at a token's end. A JWT may contain am_ between such characters, though it seldom does.
    private static readonly SearchValues<char> TokenCharacters =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/");

    private static readonly Uri Path = new("/internal/keys/exchange", UriKind.Relative);

    private ApiKey(string text)
        : base(text)
    {
    }

    public override string RefusalCode => "invalid_key";

    /// <summary>
    /// Whether the text holds a key in any place, or a word that begins like one. No service may see it, however the client misplaced it.
    /// </summary>
    public static bool IsIn(ReadOnlySpan<char> text)
    {
        for (int at, from = 0; (at = text[from..].IndexOf(KeyText.Prefix, StringComparison.Ordinal)) >= 0; from++)
        {
            from += at;
            var isWord = from == 0 || !TokenCharacters.Contains(text[from - 1]);
            if (isWord || (text.Length - from >= KeyText.Length && KeyText.IsValid(text.Slice(from, KeyText.Length))))
            {
                return true;
            }
        }

        return text.StartsWith(Basic, StringComparison.OrdinalIgnoreCase) && IsInBasic(text[Basic.Length..].Trim());
    }

    public static bool IsIn(StringValues authorization)
    {
        foreach (var header in authorization)
        {
            if (IsIn(header.AsSpan()))
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
        [.. authorization.SelectMany(header => header!.Split(',', StringSplitOptions.TrimEntries)).Where(part => !IsIn(part.AsSpan()))]);

    /// <returns>The text that the one header presents as a bearer token; empty if it has another form.</returns>
    public static ReadOnlySpan<char> Present(StringValues authorization) =>
        authorization is [{ } header] && header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)
            ? header.AsSpan(Scheme.Length).Trim()
            : default;

    /// <returns>The key, or null if the identity service cannot have made this text.</returns>
    public static ApiKey? TryParse(ReadOnlySpan<char> text) => KeyText.IsValid(text) ? new ApiKey(text.ToString()) : null;

    public override HttpRequestMessage ToExchange() => new(HttpMethod.Post, Path)
    {
        Content = JsonContent.Create(new KeyExchangeRequest(Text), GatewayJson.Default.KeyExchangeRequest),
    };

    private static bool IsInBasic(ReadOnlySpan<char> credentials)
    {
        Span<byte> decoded = stackalloc byte[LongestBasic];
        if (credentials.Length > LongestBasic || !Convert.TryFromBase64Chars(credentials, decoded, out var length))
        {
            return false;
        }

        return IsIn(Encoding.Latin1.GetString(decoded[..length]).AsSpan());
    }
}
