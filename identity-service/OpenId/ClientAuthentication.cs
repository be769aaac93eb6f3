using AuthMesh.Errors;
using AuthMesh.Identity.Applications;
using AuthMesh.Identity.Platform;

namespace AuthMesh.Identity.OpenId;

/// <summary>The credentials of a client, as it presents them (RFC 6749 §2.3).</summary>
/// <param name="Secret">Null for an application that keeps none.</param>
internal sealed record ClientCredential(string ClientId, string? Secret)
{
    private const int LongestPart = 2 * 1024;

    /// <summary>
    /// Reads the credentials: by HTTP Basic or from the form, and never both. In Basic, both parts are encoded like a form (§2.3.1).
    /// </summary>
    public static (ClientCredential? Credential, Failure? Refusal) Read(ProtocolParameters parameters, HttpRequest http)
    {
        const string Scheme = "Basic ";
        var (id, secret, header) = (parameters["client_id"], parameters["client_secret"], http.Headers.Authorization);
        if (header.Count == 0)
        {
            return id is null ? (null, OAuthError.InvalidClient) : (new(id, secret), null);
        }

        if (header.Count > 1 || secret is not null)
        {
            return (null, CommonFailures.InvalidRequest("Authenticate in one way: by the header Authorization or in the form"));
        }

        return header.ToString().StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)
            && Decode(header.ToString()[Scheme.Length..]) is { } client && (id is null || id == client.ClientId)
                ? (client, null)
                : (null, OAuthError.InvalidClient);
    }

    private static ClientCredential? Decode(string credentials)
    {
        var decoded = new byte[credentials.Length];
        return Convert.TryFromBase64String(credentials.Trim(), decoded, out var length)
            && decoded.AsSpan(0, length).IndexOf((byte)':') is var colon and > 0
            && FormBody.TryParse([.. "i="u8, .. decoded.AsSpan(0, colon)], out var id) && id is [var (_, clientId)]
            && FormBody.TryParse([.. "s="u8, .. decoded.AsSpan(colon + 1, length - colon - 1)], out var secret) && secret is [var (_, text)]
            && IsValue(clientId) && IsValue(text) ? new(clientId, text.Length > 0 ? text : null) : null;
    }

    private static bool IsValue(string text) => text.Length <= LongestPart && !text.Contains('\0', StringComparison.Ordinal);
}

/// <summary>Authenticates the application that calls an endpoint of the protocol. One that keeps no secret only names itself.</summary>
internal sealed class ClientAuthentication(Clients clients)
{
    public async Task<(Client? Client, Failure? Refusal)> RunAsync(
        ProtocolParameters parameters, HttpRequest http, CancellationToken cancellationToken)
    {
        var (credential, refusal) = ClientCredential.Read(parameters, http);
        if (credential is null)
        {
            return (null, refusal);
        }

        var client = credential.Secret is { } secret
            ? await clients.FindBySecretAsync(credential.ClientId, secret, cancellationToken)
            : await clients.FindAsync(credential.ClientId, cancellationToken);
        return client is not null && ApplicationKind.IsConfidential(client.Kind) == credential.Secret is not null
            ? (client, null)
            : (null, OAuthError.InvalidClient);
    }
}
