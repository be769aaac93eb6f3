using AuthMesh.Tests.ApiKeys;
using AuthMesh.Tests.Applications;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.OpenId;
using AuthMesh.Tests.Sessions;
using AuthMesh.Tokens;
using Microsoft.IdentityModel.JsonWebTokens;

namespace AuthMesh.Tests.Audiences;

/// <summary>For which audiences the identity service mints tokens.</summary>
public sealed class TokenAudienceTests(ProductionMesh mesh)
{
    private const string Tools = ProductionMesh.Issuer + "/tools", Elsewhere = "https://reports.example/v1";

    public static TheoryData<string, string?> Urls() => new()
    {
        { Tools, "/tools" },
        { Tools + "/v1.0/a_b~c-d", "/tools/v1.0/a_b~c-d" },
        { ProductionMesh.Issuer, null },
        { ProductionMesh.Issuer + "/", null },
        { Tools + "/", null },
        { ProductionMesh.Issuer + "//tools", null },
        { Tools + "//x", null },
        { Tools + "/./x", null },
        { Tools + "/../x", null },
        { Tools + "/..", null },
        { Tools + "?x=1", null },
        { Tools + "#x", null },
        { Tools + "/%41", null },
        { Tools + "/a b", null },
        { Tools + "/\"", null },
        { Tools + "/é", null },
        { Tools + "/a:b", null },
        { Tools + "\n", null },
        { ProductionMesh.Issuer + ".evil.example/tools", null },
        { ProductionMesh.Issuer + ":444/tools", null },
        { ProductionMesh.Issuer + "@evil.example/tools", null },
        { "http://auth.example.test/tools", null },
        { "https://AUTH.example.test/tools", null },
        { "/tools", null },
        { "authmesh", null },
        { "", null },
        { Tools + "/" + new string('a', 512 - Tools.Length - 1), "/tools/" + new string('a', 512 - Tools.Length - 1) },
        { Tools + "/" + new string('a', 512 - Tools.Length), null },
    };

    [Theory]
    [MemberData(nameof(Urls))]
    public async Task A_cookie_and_a_key_get_tokens_for_a_URL_below_the_origin_only(string audience, string? path)
    {
        Assert.Equal(path, AudienceUrl.FindPath(audience, ProductionMesh.Issuer));
        var user = await mesh.Gateway.SignUpAsync();
        var key = await mesh.Gateway.AddKeyAsync(user.Token, "mesh");

        foreach (var answer in (Answer[])
            [
                await mesh.Identity.ExchangeAsync(new { cookie = user.Cookie, audience }),
                await mesh.Identity.SendInternalAsync("/internal/keys/exchange", new { key = key.Key, audience }),
            ])
        {
            if (path is null)
            {
                answer.AssertError(400, "invalid_request", fields: "audience");
            }
            else
            {
                Assert.Equal(200, answer.Status);
                Assert.Equal([audience], answer.AccessToken().Audiences);
                (await mesh.Gateway.GetAsync("/protected", answer.Token)).AssertError(401, "invalid_token");
            }
        }
    }

    [Fact]
    public async Task An_exchange_that_names_no_audience_gives_a_token_of_the_mesh_and_one_that_names_the_unknown_gives_none()
    {
        var user = await mesh.Gateway.SignUpAsync();
        var key = await mesh.Gateway.AddKeyAsync(user.Token, "mesh");

        foreach (var audience in (string?[])[null, Tools, null])
        {
            var ofCookie = await mesh.Identity.ExchangeAsync(new { cookie = user.Cookie, audience });
            var ofKey = await mesh.Identity.SendInternalAsync("/internal/keys/exchange", new { key = key.Key, audience });
            Assert.Equal([audience ?? "authmesh"], ofCookie.AccessToken().Audiences);
            Assert.Equal([audience ?? "authmesh"], ofKey.AccessToken().Audiences);
        }

        // So an identity service that does not know audiences refuses a gateway that does.
        (await mesh.Identity.ExchangeAsync(new { cookie = user.Cookie, later = Tools }))
            .AssertError(400, "invalid_request", fields: "later");
        (await mesh.Identity.SendInternalAsync("/internal/keys/exchange", new { key = key.Key, later = Tools }))
            .AssertError(400, "invalid_request", fields: "later");
        (await mesh.Identity.ExchangeAsync(new { cookie = user.Cookie, audience = Tools }, "another service key for this test, wrong"))
            .AssertError(401, "invalid_service_key");
    }

    [Fact]
    public async Task An_application_in_its_own_name_gets_tokens_for_one_registered_resource()
    {
        var admin = await mesh.AdminTokenAsync();
        var made = await mesh.Gateway.AddApplicationAsync(admin, "orders.read");
        Assert.Equal(
            200, (await mesh.Gateway.ChangeApplicationAsync(admin, made.Id, new { audiences = (string[])[Tools, Elsewhere] })).Status);

        var tokens = new List<JsonWebToken>();
        foreach (var (resource, audience) in ((string?, string)[])
            [(null, "authmesh"), ("authmesh", "authmesh"), (Tools, Tools), (Elsewhere, Elsewhere)])
        {
            var answer = await AskAsync(resource is null ? [] : [("resource", resource)]);
            Assert.True(answer.Status == 200, answer.ToString());
            tokens.Add(new(answer.Member("access_token")));
            Assert.Equal([audience], tokens[^1].Audiences);
        }

        Assert.Single(tokens.Select(token => token.SessionId()).Distinct());
        foreach (var refused in (string[])[Tools + "/", ProductionMesh.Issuer, "https://reports.example/v2", "AUTHMESH", "tools"])
        {
            (await AskAsync(("resource", refused))).AssertProtocolError(400, "invalid_target");
        }

        (await AskAsync(("resource", Tools), ("resource", Elsewhere))).AssertProtocolError(400, "invalid_target");
        (await AskAsync(("resource", Tools), ("scope", "orders.delete"))).AssertProtocolError(400, "invalid_scope");

        Task<Answer> AskAsync(params (string, string)[] more) => mesh.Gateway.TokenAsync(
            [("grant_type", "client_credentials"), ("client_id", made.ClientId), ("client_secret", made.Secret), .. more]);
    }

    [Fact]
    public async Task A_service_that_loses_an_audience_loses_its_tokens()
    {
        var admin = await mesh.AdminTokenAsync();
        var made = await mesh.Gateway.AddApplicationAsync(admin, "orders.read");
        await ChangeAsync([Tools]);
        var token = new JsonWebToken((await AskAsync()).Member("access_token"));

        await ChangeAsync([Tools, Elsewhere]);
        Assert.False(await mesh.Database.IsRevokedAsync(token));
        await ChangeAsync([Elsewhere]);
        Assert.True(await mesh.Database.IsRevokedAsync(token));
        (await AskAsync()).AssertProtocolError(400, "invalid_target");

        async Task ChangeAsync(string[] audiences) =>
            Assert.Equal(200, (await mesh.Gateway.ChangeApplicationAsync(admin, made.Id, new { audiences })).Status);

        Task<Answer> AskAsync() => mesh.Gateway.TokenAsync(
            ("grant_type", "client_credentials"), ("client_id", made.ClientId), ("client_secret", made.Secret), ("resource", Tools));
    }

    [Fact]
    public async Task An_application_of_a_user_keeps_the_resource_for_which_its_user_signed_in()
    {
        var client = await mesh.Gateway.AddClientAsync(
            await mesh.AdminTokenAsync(), "web", new { audiences = (string[])[Tools, Elsewhere] }, ["openid", "tools.use"]);
        var (visitor, _) = await mesh.VisitSignedInAsync();
        var flow = new CodeFlow(client, "openid tools.use");
        var code = (await visitor.GetAsync(flow.Path(("resource", Tools)))).LedBackTo(client.RedirectUri)["code"];

        // 1. The code is for this resource, and a wrong one does not spend it.
        (await mesh.Gateway.TokenAsync([.. flow.Redemption(code), ("resource", Elsewhere)])).AssertProtocolError(400, "invalid_grant");
        (await mesh.Gateway.TokenAsync([.. flow.Redemption(code), ("resource", "authmesh")])).AssertProtocolError(400, "invalid_grant");
        var tokens = await mesh.Gateway.TokenAsync([.. flow.Redemption(code), ("resource", Tools)]);
        Assert.True(tokens.Status == 200, tokens.ToString());
        Assert.Equal([Tools], new JsonWebToken(tokens.Member("access_token")).Audiences);

        // 2. So is the session, and a wrong one does not move it on.
        foreach (var refused in (string[])[Elsewhere, "authmesh", Tools + "/"])
        {
            (await mesh.Gateway.RefreshAtAsync(client, tokens.Member("refresh_token")!, ("resource", refused)))
                .AssertProtocolError(400, "invalid_target");
        }

        var again = await mesh.Gateway.RefreshAtAsync(client, tokens.Member("refresh_token")!, ("resource", Tools));
        var later = await mesh.Gateway.RefreshAtAsync(client, again.Member("refresh_token")!);
        Assert.Equal([Tools], new JsonWebToken(again.Member("access_token")).Audiences);
        Assert.Equal([Tools], new JsonWebToken(later.Member("access_token")).Audiences);

        // 3. The mesh refuses the token, except where the protocol says otherwise (OpenID Connect Core 1.0 §5.3).
        (await mesh.Gateway.GetAsync("/protected", later.Member("access_token"))).AssertError(401, "invalid_token");
        Assert.Equal(200, (await mesh.Gateway.GetAsync("/userinfo", later.Member("access_token"))).Status);
    }

    [Theory]
    [InlineData(Elsewhere)]
    [InlineData(Tools + "/")]
    [InlineData("tools")]
    public async Task An_application_signs_nobody_in_for_a_resource_that_it_may_not_reach(string resource)
    {
        var client = await mesh.Gateway.AddClientAsync(await mesh.AdminTokenAsync(), "web", new { audiences = (string[])[Tools] });
        var (visitor, _) = await mesh.VisitSignedInAsync();

        var back = (await visitor.GetAsync(new CodeFlow(client).Path(("resource", resource)))).LedBackTo(client.RedirectUri);
        Assert.Equal("invalid_target", back["error"]);
        back = (await visitor.GetAsync(new CodeFlow(client).Path(("resource", Tools)))).LedBackTo(client.RedirectUri);
        Assert.Contains("code", back.Keys);
    }

    /// <summary>Some clients ask for it wherever the metadata of the server lists it.</summary>
    [Fact]
    public async Task An_application_that_may_not_have_offline_access_gets_the_rest()
    {
        var client = await mesh.Gateway.AddClientAsync(await mesh.AdminTokenAsync(), "web", scopes: ["openid", "mesh"]);
        var (visitor, _) = await mesh.VisitSignedInAsync();

        var tokens = await visitor.SignInAtAsync(mesh.Gateway, new CodeFlow(client, "openid mesh offline_access"));
        Assert.Equal("openid mesh", tokens.Member("scope"));
        Assert.Equal(303, (await visitor.PostAsync("/signout")).Status);
        (await mesh.Gateway.RefreshAtAsync(client, tokens.Member("refresh_token")!)).AssertProtocolError(400, "invalid_grant");

        foreach (var scope in (string[])["offline_access", "openid offline_access other"])
        {
            var back = (await visitor.GetAsync(new CodeFlow(client, scope).Path())).LedBackTo(client.RedirectUri);
            Assert.Equal("invalid_scope", back["error"]);
        }
    }
}

internal static class InternalCalls
{
    /// <summary>Calls an endpoint for services.</summary>
    public static Task<Answer> SendInternalAsync(this Caller identity, string path, object body) => identity.SendAsync(
        HttpMethod.Post, path, System.Net.Http.Json.JsonContent.Create(body),
        request => request.Headers.Add(AuthMesh.Issuer.IssuerConnection.ServiceKeyHeader, ProductionMesh.ServiceKey));
}
