using System.Net.Http.Json;
using AuthMesh.Tokens;
using Microsoft.Extensions.Primitives;

namespace AuthMesh.Gateway.Sessions;

/// <summary>A key of a user, as scripts send it: <c>Authorization: Bearer am_…</c>.</summary>
internal sealed class ApiKey : Credential
{
    private const string Scheme = "Bearer "; // RFC 6750 §2.1
    private const string Separators = " \t,;:=\"";

    private static readonly Uri Path = new("/internal/keys/exchange", UriKind.Relative);

    private ApiKey(string text)
        : base(text)
    {
    }

    public override string RefusalCode => "invalid_key";

    /// <summary>
    /// Whether the header holds a key, or what begins like one, in any place. No service may see it, however the client misplaced it. A JWT
    /// does not begin so.
    /// </summary>
    public static bool IsIn(StringValues authorization)
    {
        foreach (var header in authorization)
        {
            var rest = header.AsSpan();
            for (int at; (at = rest.IndexOf(KeyText.Prefix, StringComparison.Ordinal)) >= 0; rest = rest[(at + 1)..])
            {
                if (at == 0 ? rest.Length == header!.Length : Separators.Contains(rest[at - 1], StringComparison.Ordinal))
                {
                    return true;
                }
            }
        }

        return false;
    }

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
}
