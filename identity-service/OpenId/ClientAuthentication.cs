using AuthMesh.Errors;
using AuthMesh.Identity.Applications;
using AuthMesh.Identity.Platform;

namespace AuthMesh.Identity.OpenId;

/// <summary>The credentials of a client, as it presents them (RFC 6749 §2.3).</summary>
/// <param name="ClientId">Null if the assertion alone names the client.</param>
/// <param name="Secret">Null for an application that keeps none, and beside an assertion.</param>
/// <param name="Assertion">A JWT that the client signed, or null.</param>
internal sealed record ClientCredential(string? ClientId, string? Secret, string? Assertion = null)
{
    private const string AssertionParameter = "client_assertion", TypeParameter = "client_assertion_type";

    /// <summary>The parameters that authenticate. They are never stored.</summary>
    public static readonly string[] Parameters = ["client_secret", AssertionParameter, TypeParameter];

    private const int LongestPart = 2 * 1024;

    /// <summary>
    /// Reads the credentials: by HTTP Basic or from the form, and never two of them. In Basic, both parts are encoded like a form (§2.3.1).
    /// </summary>
    public static (ClientCredential? Credential, Failure? Refusal) Read(ProtocolParameters parameters, HttpRequest http)
    {
        const string Scheme = "Basic ";
        var (id, secret, header) = (parameters["client_id"], parameters["client_secret"], http.Headers.Authorization);
        var (assertion, type) = (parameters[AssertionParameter], parameters[TypeParameter]);
        if (header.Count + (secret is null ? 0 : 1) + (assertion is null ? 0 : 1) > 1)
        {
            return (null, CommonFailures.InvalidRequest(
                "Authenticate in one way: by the header Authorization, client_secret or client_assertion"));
        }

        if ((assertion, type) is not ((null, null) or (not null, ClientAssertions.Type)))
        {
            return (null, CommonFailures.InvalidRequest(
                "client_assertion and client_assertion_type belong together, and the type must be jwt-bearer (RFC 7523 §2.2)"));
        }

        if (header.Count == 0)
        {
            return id is null && assertion is null ? (null, OAuthError.InvalidClient) : (new(id, secret, assertion), null);
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

/// <summary>
/// Authenticates the application that calls an endpoint of the protocol. One that keeps neither secret nor key only names itself.
/// </summary>
internal sealed class ClientAuthentication(Clients clients, ClientAssertions assertions)
{
    /// <returns>The application, or the refusal.</returns>
    public async Task<(Client? Client, Failure? Refusal)> RunAsync(
        ProtocolParameters parameters, HttpRequest http, CancellationToken cancellationToken)
    {
        var (credential, refusal) = ClientCredential.Read(parameters, http);
        if (credential is null)
        {
            return (null, refusal);
        }

        var client = credential switch
        {
            { Assertion: { } assertion } => (await assertions.VerifyAsync(assertion, credential.ClientId, cancellationToken))?.Client,
            { ClientId: { } id, Secret: { } secret } => await clients.FindBySecretAsync(id, secret, cancellationToken),
            _ => await clients.FindAsync(credential.ClientId, cancellationToken),
        };
        return client is not null && ApplicationKind.IsConfidential(client.Kind) == credential is not { Secret: null, Assertion: null }
            ? (client, null)
            : (null, OAuthError.InvalidClient);
    }
}
