using System.Security.Cryptography;
using System.Text.Json;
using AuthMesh.Tests.Emails;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.OpenId;
using AuthMesh.Tests.Sessions;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace AuthMesh.Tests.Tokens;

public sealed class MetadataTests(ProductionMesh mesh)
{
    [Fact]
    public async Task The_metadata_names_the_public_origin_and_may_be_cached()
    {
        var answer = await mesh.Gateway.GetAsync("/.well-known/openid-configuration");

        Assert.Equal(200, answer.Status);
        Assert.Equal("public, max-age=300", answer.Header("Cache-Control"));
        Assert.Equal(ProductionMesh.Issuer, answer.Member("issuer"));
        Assert.Equal(ProductionMesh.Issuer + "/.well-known/jwks.json", answer.Member("jwks_uri"));
        Assert.Equal("[\"ES256\"]", answer.Member("id_token_signing_alg_values_supported"));
        Assert.Equal("[\"aal1\",\"aal2\"]", answer.Member("acr_values_supported"));
    }

    [Fact]
    public async Task The_metadata_names_the_claims_of_id_tokens()
    {
        var named = (await mesh.Gateway.GetAsync("/.well-known/openid-configuration")).Json.GetProperty("claims_supported");
        var client = await mesh.Gateway.AddClientAsync(await mesh.AdminTokenAsync());
        var (visitor, username) = await mesh.VisitSignedInAsync();
        var userId = await mesh.Database.ScalarAsync<Guid>("SELECT id FROM users WHERE username = $1", username);
        await mesh.Database.ProveAsync(userId, EmailCalls.NewAddress());
        var tokens = await visitor.SignInAtAsync(mesh.Gateway, new CodeFlow(client));

        Assert.Equal(
            TokenText.Payload(tokens.Member("id_token")!).Select(claim => claim.Key).Order(StringComparer.Ordinal),
            named.EnumerateArray().Select(name => name.GetString()).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task The_key_set_holds_the_signing_key_and_the_next_key_without_private_parts()
    {
        var answer = await mesh.Gateway.GetAsync("/.well-known/jwks.json");

        Assert.Equal(200, answer.Status);
        Assert.Equal("public, max-age=300", answer.Header("Cache-Control"));
        var keys = answer.Json.GetProperty("keys").EnumerateArray().ToList();
        Assert.Equal(2, keys.Count);
        Assert.All(keys, key =>
        {
            Assert.Equal(["kty", "crv", "use", "alg", "kid", "x", "y"], key.EnumerateObject().Select(member => member.Name));
            Assert.Equal(("EC", "P-256", "sig", "ES256"), (Text(key, "kty"), Text(key, "crv"), Text(key, "use"), Text(key, "alg")));
        });
        Assert.Contains(mesh.Forge.KeyId, keys.Select(key => Text(key, "kid")));
    }

    [Fact]
    public async Task A_third_party_library_verifies_a_token_with_the_published_keys()
    {
        var (name, _, token) = await mesh.SignUpAsync();
        var keys = new JsonWebKeySet((await mesh.Gateway.GetAsync("/.well-known/jwks.json")).Text);
        var parameters = new TokenValidationParameters
        {
            ValidIssuer = ProductionMesh.Issuer,
            ValidAudience = "authmesh",
            ValidTypes = ["at+jwt"],
            IssuerSigningKeys = keys.GetSigningKeys(),
        };

        var result = await new JsonWebTokenHandler().ValidateTokenAsync(token, parameters);

        Assert.True(result.IsValid);
        Assert.Equal(name, result.Claims["preferred_username"]);
        parameters.IssuerSigningKeys = [new ECDsaSecurityKey(ECDsa.Create(ECCurve.NamedCurves.nistP256)) { KeyId = mesh.Forge.KeyId }];
        Assert.False((await new JsonWebTokenHandler().ValidateTokenAsync(token, parameters)).IsValid);
    }

    [Fact]
    public async Task Key_secrets_are_sealed_in_the_database()
    {
        var raw = await mesh.Database.ScalarAsync<byte[]>("SELECT sealed_secret FROM ring_keys WHERE id = $1", mesh.Forge.KeyId);
        var secret = mesh.Forge.Key.ExportParameters(includePrivateParameters: true).D!;

        Assert.Equal(-1, raw.AsSpan().IndexOf(secret));
    }

    private static string? Text(JsonElement members, string name) => members.GetProperty(name).GetString();
}
