using AuthMesh.Access;
using AuthMesh.Errors;
using AuthMesh.Identity.Keys;
using AuthMesh.Settings;
using AuthMesh.Tokens;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;
using System.Text.Json.Serialization;

namespace AuthMesh.Identity.Tokens;

/// <summary>
/// The part of OpenID Connect Discovery 1.0 §3 and RFC 8414 §2 that a library needs to verify tokens, and to get one for an application.
/// </summary>
public sealed record DiscoveryResponse(
    string Issuer,
    [property: JsonPropertyName("jwks_uri")] string JwksUri,
    [property: JsonPropertyName("token_endpoint")] string TokenEndpoint,
    [property: JsonPropertyName("grant_types_supported")] IReadOnlyList<string> GrantTypesSupported,
    [property: JsonPropertyName("token_endpoint_auth_methods_supported")] IReadOnlyList<string> AuthenticationMethodsSupported,
    [property: JsonPropertyName("response_types_supported")] IReadOnlyList<string> ResponseTypesSupported,
    [property: JsonPropertyName("subject_types_supported")] IReadOnlyList<string> SubjectTypesSupported,
    [property: JsonPropertyName("id_token_signing_alg_values_supported")] IReadOnlyList<string> SigningAlgorithmsSupported,
    [property: JsonPropertyName("acr_values_supported")] IReadOnlyList<string> AssurancesSupported,
    [property: JsonPropertyName("claims_supported")] IReadOnlyList<string> ClaimsSupported);

public sealed record JwksResponse(IReadOnlyList<JwkResponse> Keys);

internal static class Metadata
{
    public static void Map(IEndpointRouteBuilder app)
    {
        var group = app.MapGroup("/.well-known").AllowAnonymous().AddEndpointFilter(async (context, next) =>
        {
            var answer = await next(context);
            var maxAge = context.HttpContext.RequestServices.GetRequiredService<IOptions<KeyOptions>>().Value.MaxAge;
            context.HttpContext.Response.Headers.CacheControl = $"public, max-age={(int)maxAge.TotalSeconds}";
            return answer;
        });
        group.MapGet("/openid-configuration", Discovery);
        group.MapGet("/oauth-authorization-server", Discovery); // RFC 8414 §3
        group.MapGet("/jwks.json", (KeyRing ring) => TypedResults.Ok(new JwksResponse([.. ring.PublicKeys])));
    }

    private static Ok<DiscoveryResponse> Discovery(IOptions<AuthMeshOptions> mesh)
    {
        var issuer = mesh.Value.Issuer;
        return TypedResults.Ok(new DiscoveryResponse(
            issuer, issuer + "/.well-known/jwks.json", issuer + "/token", ["client_credentials"],
            ["client_secret_basic", "client_secret_post"], [], ["public"], ["ES256"], [Assurance.OneFactor, Assurance.TwoFactors],
            [.. AccessTokenClaims.All.Where(claim => claim.Source is not null).Select(claim => claim.Name)]));
    }
}
