using System.Text.Json.Serialization;
using AuthMesh.Access;
using AuthMesh.Identity.Applications;
using AuthMesh.Identity.Tokens;
using AuthMesh.Settings;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;

namespace AuthMesh.Identity.OpenId;

/// <summary>The metadata of this server (OpenID Connect Discovery 1.0 §3, RFC 8414 §2). It lists what works, and nothing else.</summary>
public sealed record DiscoveryResponse(
    string Issuer,
    [property: JsonPropertyName("jwks_uri")] string JwksUri,
    [property: JsonPropertyName("authorization_endpoint")] string AuthorizationEndpoint,
    [property: JsonPropertyName("token_endpoint")] string TokenEndpoint,
    [property: JsonPropertyName("userinfo_endpoint")] string UserinfoEndpoint,
    [property: JsonPropertyName("end_session_endpoint")] string EndSessionEndpoint,
    [property: JsonPropertyName("revocation_endpoint")] string RevocationEndpoint,
    [property: JsonPropertyName("introspection_endpoint")] string IntrospectionEndpoint,
    [property: JsonPropertyName("pushed_authorization_request_endpoint")] string PushedRequestEndpoint,
    [property: JsonPropertyName("device_authorization_endpoint")] string DeviceAuthorizationEndpoint,
    [property: JsonPropertyName("response_types_supported")] IReadOnlyList<string> ResponseTypes,
    [property: JsonPropertyName("response_modes_supported")] IReadOnlyList<string> ResponseModes,
    [property: JsonPropertyName("grant_types_supported")] IReadOnlyList<string> GrantTypes,
    [property: JsonPropertyName("code_challenge_methods_supported")] IReadOnlyList<string> ChallengeMethods,
    [property: JsonPropertyName("token_endpoint_auth_methods_supported")] IReadOnlyList<string> AuthenticationMethods,
    [property: JsonPropertyName("revocation_endpoint_auth_methods_supported")] IReadOnlyList<string> RevocationMethods,
    [property: JsonPropertyName("introspection_endpoint_auth_methods_supported")] IReadOnlyList<string> IntrospectionMethods,
    [property: JsonPropertyName("token_endpoint_auth_signing_alg_values_supported")] IReadOnlyList<string> AssertionAlgorithms,
    [property: JsonPropertyName("revocation_endpoint_auth_signing_alg_values_supported")]
    IReadOnlyList<string> RevocationAssertionAlgorithms,
    [property: JsonPropertyName("introspection_endpoint_auth_signing_alg_values_supported")]
    IReadOnlyList<string> IntrospectionAssertionAlgorithms,
    [property: JsonPropertyName("scopes_supported")] IReadOnlyList<string> Scopes,
    [property: JsonPropertyName("subject_types_supported")] IReadOnlyList<string> SubjectTypes,
    [property: JsonPropertyName("id_token_signing_alg_values_supported")] IReadOnlyList<string> SigningAlgorithms,
    [property: JsonPropertyName("acr_values_supported")] IReadOnlyList<string> Assurances,
    [property: JsonPropertyName("claims_supported")] IReadOnlyList<string> Claims,
    [property: JsonPropertyName("prompt_values_supported")] IReadOnlyList<string> Prompts,
    [property: JsonPropertyName("authorization_response_iss_parameter_supported")] bool HasIssuerInAnswers,
    [property: JsonPropertyName("claims_parameter_supported")] bool HasClaimsParameter,
    [property: JsonPropertyName("request_parameter_supported")] bool HasRequestParameter,
    [property: JsonPropertyName("request_uri_parameter_supported")] bool HasRequestUriParameter,
    [property: JsonPropertyName("backchannel_logout_supported")] bool HasBackchannelLogout,
    [property: JsonPropertyName("backchannel_logout_session_supported")] bool HasSessionInLogoutTokens);

internal static class Discovery
{
    private static readonly string[] Confidential = ["client_secret_basic", "client_secret_post", "private_key_jwt"];

    public static void Map(IEndpointRouteBuilder app)
    {
        var group = Metadata.MapPublic(app);
        group.MapGet("/openid-configuration", Describe);
        group.MapGet("/oauth-authorization-server", Describe); // RFC 8414 §3
    }

    private static Ok<DiscoveryResponse> Describe(IOptions<AuthMeshOptions> mesh)
    {
        var (issuer, pages) = (mesh.Value.Issuer, mesh.Value.OriginOfPages);
        return TypedResults.Ok(new DiscoveryResponse(
            issuer, issuer + "/.well-known/jwks.json", pages + "/authorize", issuer + "/token", issuer + "/userinfo",
            pages + "/end-session", issuer + "/revoke", issuer + "/introspect", issuer + "/par",
            issuer + "/device_authorization",
            ["code"], ["query", "form_post"],
            [GrantType.AuthorizationCode, GrantType.RefreshToken, GrantType.ClientCredentials, GrantType.DeviceCode], ["S256"],
            [.. Confidential, "none"], [.. Confidential, "none"], Confidential,
            ClientKey.AllAlgorithms, ClientKey.AllAlgorithms, ClientKey.AllAlgorithms,
            [StandardScope.OpenId, StandardScope.Profile, StandardScope.Email, StandardScope.OfflineAccess, Scopes.Mesh],
            ["public"], ["ES256"], [Assurance.OneFactor, Assurance.TwoFactors],
            ["iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "sid", "at_hash", "preferred_username", "email",
                "email_verified"],
            ["none", "login", "consent", "select_account"],
            HasIssuerInAnswers: true, HasClaimsParameter: false, HasRequestParameter: false, HasRequestUriParameter: false,
            HasBackchannelLogout: true, HasSessionInLogoutTokens: true));
    }
}
