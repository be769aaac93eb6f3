using AuthMesh.Errors;
using AuthMesh.Identity.Platform;
using Microsoft.Net.Http.Headers;

namespace AuthMesh.Identity.OpenId;

/// <summary>The form of a request for a token: each parameter once, and an empty one is an absent one (RFC 6749 §3.2).</summary>
internal sealed class TokenForm
{
    private const int LongestValue = 2 * 1024;

    private readonly Dictionary<string, string> parameters = new(StringComparer.Ordinal);

    private TokenForm()
    {
    }

    /// <summary>The value of a parameter; null without one.</summary>
    public string? this[string name] => parameters.GetValueOrDefault(name) is { Length: > 0 } value ? value : null;

    public static async Task<(TokenForm? Request, Failure? Refusal)> ReadAsync(HttpRequest http)
    {
        if (!MediaTypeHeaderValue.TryParse(http.ContentType, out var type)
            || !type.MediaType.Equals("application/x-www-form-urlencoded", StringComparison.OrdinalIgnoreCase))
        {
            return (null, CommonFailures.InvalidRequest("The request body must be a form: application/x-www-form-urlencoded"));
        }

        using var body = new MemoryStream();
        await http.Body.CopyToAsync(body, http.HttpContext.RequestAborted);
        var request = new TokenForm();
        if (!FormBody.TryParse(body.GetBuffer().AsSpan(0, (int)body.Length), out var pairs))
        {
            return (null, CommonFailures.InvalidRequest("The request body is not a valid form"));
        }

        foreach (var (name, value) in pairs)
        {
            if (!IsValue(value))
            {
                return (null, CommonFailures.InvalidRequest("A parameter is too long, or contains U+0000"));
            }

            if (!request.parameters.TryAdd(name, value))
            {
                return (null, CommonFailures.InvalidRequest("A parameter must not be given twice")); // RFC 6749 §3.2
            }
        }

        return (request, null);
    }

    /// <summary>
    /// The credentials of the client: by HTTP Basic or in the form, and never both (RFC 6749 §2.3). In Basic, both parts are encoded like
    /// a form (§2.3.1).
    /// </summary>
    public (string ClientId, string Secret)? FindClient(HttpRequest http, out Failure? refusal)
    {
        const string Scheme = "Basic ";
        refusal = null;
        var (id, secret, header) = (this["client_id"], this["client_secret"], http.Headers.Authorization);
        if (header.Count == 0)
        {
            refusal = id is null || secret is null ? OAuthError.InvalidClient : null;
            return refusal is null ? (id!, secret!) : null;
        }

        if (header.Count > 1 || secret is not null)
        {
            refusal = CommonFailures.InvalidRequest("Authenticate in one way: by the header Authorization or in the form");
            return null;
        }

        if (!header.ToString().StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)
            || Decode(header.ToString()[Scheme.Length..]) is not { } client || (id is not null && id != client.ClientId))
        {
            refusal = OAuthError.InvalidClient;
            return null;
        }

        return client;
    }

    private static bool IsValue(string text) => text.Length <= LongestValue && !text.Contains('\0', StringComparison.Ordinal);

    private static (string ClientId, string Secret)? Decode(string credentials)
    {
        var decoded = new byte[credentials.Length];
        return Convert.TryFromBase64String(credentials.Trim(), decoded, out var length)
            && decoded.AsSpan(0, length).IndexOf((byte)':') is var colon and > 0
            && FormBody.TryParse([.. "i="u8, .. decoded.AsSpan(0, colon)], out var id) && id is [var (_, clientId)]
            && FormBody.TryParse([.. "s="u8, .. decoded.AsSpan(colon + 1, length - colon - 1)], out var secret) && secret is [var (_, text)]
            && IsValue(clientId) && IsValue(text) ? (clientId, text) : null;
    }
}
