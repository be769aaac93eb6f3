using System.Text.Json.Serialization;
using AuthMesh.Errors;
using AuthMesh.Identity.Applications;
using Microsoft.AspNetCore.Http.HttpResults;

namespace AuthMesh.Identity.OpenId;

/// <summary>The answer of RFC 6749 §5.1.</summary>
/// <param name="AccessToken">The token.</param>
/// <param name="TokenType">"Bearer".</param>
/// <param name="ExpiresInSeconds">How long it is valid.</param>
/// <param name="Scope">What it may do, with spaces between the scopes.</param>
public sealed record TokenResponse(
    [property: JsonPropertyName("access_token")] string AccessToken,
    [property: JsonPropertyName("token_type")] string TokenType,
    [property: JsonPropertyName("expires_in")] int ExpiresInSeconds,
    string Scope)
{
    /// <summary>Absent for an application in its own name, and for one that may not refresh.</summary>
    [JsonPropertyName("refresh_token")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? RefreshToken { get; init; }

    /// <summary>How long the refresh token is valid, unless a newer one replaces it.</summary>
    [JsonPropertyName("refresh_expires_in")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? RefreshExpiresInSeconds { get; init; }

    /// <summary>Who signed in; absent without the scope <c>openid</c>.</summary>
    [JsonPropertyName("id_token")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? IdToken { get; init; }
}

/// <summary>The token endpoint of OAuth 2.0 (RFC 6749 §3.2).</summary>
internal static class TokenEndpoint
{
    public static void Map(IEndpointRouteBuilder app) => app.MapPost("/token", HandleAsync).AllowAnonymous()
        .ProducesFailure(
            OAuthError.InvalidClient, OAuthError.UnsupportedGrant, OAuthError.UnauthorizedClient, OAuthError.InvalidGrant,
            OAuthError.InvalidScope, OAuthError.InvalidTarget, OAuthError.AuthorizationPending, OAuthError.SlowDown,
            OAuthError.AccessDenied, OAuthError.ExpiredToken);

    // Each grant is made when a request needs it. To make them all, with their context of the database, takes longer than a signature.
    private static async Task<Results<Ok<TokenResponse>, Failure>> HandleAsync(HttpContext context, CancellationToken cancellationToken)
    {
        T The<T>()
            where T : notnull => context.RequestServices.GetRequiredService<T>();

        var (request, refusal) = await ProtocolParameters.ReadFormAsync(context.Request);
        if (request is null)
        {
            return refusal!;
        }

        if (request["grant_type"] is not { } grant)
        {
            return CommonFailures.InvalidRequest("grant_type is required");
        }

        if (grant == GrantType.ClientCredentials)
        {
            return await The<ClientCredentials>().RunAsync(request, context.Request, cancellationToken);
        }

        if (!GrantType.All.Contains(grant))
        {
            return OAuthError.UnsupportedGrant;
        }

        (var client, refusal) = await The<ClientAuthentication>().RunAsync(request, context.Request, cancellationToken);
        return client is null ? refusal!
            : grant == GrantType.AuthorizationCode ? await The<RedeemCode>().RunAsync(client, request, context, cancellationToken)
            : grant == GrantType.RefreshToken ? await The<RefreshGrant>().RunAsync(client, request, context, cancellationToken)
            : await The<DeviceGrant>().RunAsync(client, request, context, cancellationToken);
    }
}
