using System.Text.Json.Serialization;
using AuthMesh.Errors;
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
    string Scope);

/// <summary>The token endpoint of OAuth 2.0 (RFC 6749 §3.2).</summary>
internal static class TokenEndpoint
{
    public static void Map(IEndpointRouteBuilder app) => app.MapPost("/token", HandleAsync).AllowAnonymous();

    private static async Task<Results<Ok<TokenResponse>, Failure>> HandleAsync(
        HttpContext context, ClientCredentials clientCredentials, CancellationToken cancellationToken)
    {
        var (request, refusal) = await TokenForm.ReadAsync(context.Request);
        if (request is null)
        {
            return refusal!;
        }

        return request["grant_type"] switch
        {
            "client_credentials" => await clientCredentials.RunAsync(request, context.Request, cancellationToken),
            null => CommonFailures.InvalidRequest("grant_type is required"),
            _ => OAuthError.UnsupportedGrant,
        };
    }
}
