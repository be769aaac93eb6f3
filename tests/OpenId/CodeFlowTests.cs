using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using AuthMesh.Tests.Applications;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Pages;
using AuthMesh.Tests.Sessions;
using Microsoft.IdentityModel.JsonWebTokens;

namespace AuthMesh.Tests.OpenId;

/// <summary>Users sign in at applications (RFC 6749 §4.1, OpenID Connect Core 1.0 §3.1).</summary>
public sealed class CodeFlowTests(ProductionMesh mesh)
{
    [Theory]
    [InlineData("web", true)]
    [InlineData("spa", false)]
    public async Task A_signed_in_user_gets_tokens_at_an_application_and_loses_them_with_the_sign_in(string kind, bool hasSecret)
    {
        var client = await mesh.Gateway.AddClientAsync(await mesh.AdminTokenAsync(), kind);
        var (visitor, username) = await mesh.VisitSignedInAsync();
        var flow = new CodeFlow(client, "openid profile mesh");
        Assert.Equal(hasSecret, client.Secret is not null);

        var tokens = await visitor.SignInAtAsync(mesh.Gateway, flow);

        // 1. The tokens.
        Assert.Equal(("Bearer", "openid profile mesh"), (tokens.Member("token_type"), tokens.Member("scope")));
        Assert.Contains("no-store", tokens.Header("Cache-Control"), StringComparison.Ordinal);
        var access = new JsonWebToken(tokens.Member("access_token"));
        var identity = new JsonWebToken(tokens.Member("id_token"));
        Assert.Equal((client.ClientId, "user"), (access.GetClaim("client_id").Value, access.GetClaim("role").Value));
        Assert.Equal(
            (ProductionMesh.Issuer, client.ClientId, access.Subject, flow.Nonce, username),
            (identity.Issuer, identity.Audiences.Single(), identity.Subject, identity.GetClaim("nonce").Value,
                identity.GetClaim("preferred_username").Value));
        Assert.Equal(
            Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(access.EncodedToken)).AsSpan(0, 16)),
            identity.GetClaim("at_hash").Value);
        Assert.Equal(access.GetClaim("sid").Value, identity.GetClaim("sid").Value);
        Assert.Equal(access.GetClaim("auth_time").Value, identity.GetClaim("auth_time").Value);
        Assert.Equal(200, (await mesh.Gateway.GetAsync("/protected", access.EncodedToken)).Status);
        (await mesh.Gateway.GetAsync("/protected", identity.EncodedToken)).AssertError(401, "invalid_token");

        // 2. A refresh.
        var refreshed = await mesh.Gateway.RefreshAtAsync(client, tokens.Member("refresh_token")!);
        Assert.True(refreshed.Status == 200, refreshed.ToString());
        Assert.Equal(access.Subject, new JsonWebToken(refreshed.Member("id_token")).Subject);
        Assert.NotEqual(tokens.Member("refresh_token"), refreshed.Member("refresh_token"));

        // 3. The sign-out at the mesh.
        Assert.Equal(303, (await visitor.PostAsync("/signout")).Status);
        Assert.True(await mesh.Database.IsRevokedAsync(access));
        (await mesh.Gateway.RefreshAtAsync(client, refreshed.Member("refresh_token")!)).AssertProtocolError(400, "invalid_grant");
    }

    [Fact]
    public async Task A_user_who_signs_in_on_the_way_is_led_on_by_a_page()
    {
        var client = await mesh.Gateway.AddClientAsync(await mesh.AdminTokenAsync());
        var (username, password, _) = await mesh.SignUpAsync();
        var visitor = new Visitor(mesh.Gateway, ProductionMesh.Issuer);
        var flow = new CodeFlow(client);

        var first = await visitor.GetAsync(flow.Path(("login_hint", "al&ice")));
        Assert.Equal(303, first.Status);
        Assert.Matches("^/signin\\?return=%2Fauthorize%3Fcontinue%3D[A-Za-z0-9_-]{43}&username=al%26ice$", first.Header("Location"));
        Assert.Contains("value=\"al&amp;ice\"", (await visitor.GetAsync(first.Header("Location")!)).Text, StringComparison.Ordinal);
        var leadsTo = Uri.UnescapeDataString(first.Header("Location")!.Split('=', 2)[1].Split('&')[0]);
        var signedIn = await visitor.PostAsync("/signin", ("username", username), ("password", password), ("return", leadsTo));
        Assert.Equal((303, leadsTo), (signedIn.Status, signedIn.Header("Location")));
        var page = await visitor.GetAsync(leadsTo);

        Assert.Equal(200, page.Status);
        Assert.Equal("unsafe-none", page.Header("Cross-Origin-Opener-Policy"));
        var code = page.LedBackTo(client.RedirectUri)["code"];
        Assert.Equal(200, (await mesh.Gateway.TokenAsync(flow.Redemption(code))).Status);
        Assert.Equal(400, (await visitor.GetAsync(leadsTo)).Status); // a request has one answer
    }

    [Fact]
    public async Task A_code_is_used_once_and_a_second_use_ends_the_session()
    {
        var client = await mesh.Gateway.AddClientAsync(await mesh.AdminTokenAsync());
        var (visitor, _) = await mesh.VisitSignedInAsync();
        var flow = new CodeFlow(client, "openid mesh");
        var code = await visitor.CodeAsync(flow);
        var tokens = await mesh.Gateway.TokenAsync(flow.Redemption(code));
        var access = new JsonWebToken(tokens.Member("access_token"));

        // Somebody who read the code, and lacks the rest, can end nothing.
        var other = await mesh.Gateway.AddClientAsync(await mesh.AdminTokenAsync());
        CodeFlow[] strangers =
        [
            new(client), flow with { Client = other }, flow with { Client = client with { RedirectUri = "https://app.example/other" } },
        ];
        foreach (var stranger in strangers)
        {
            (await mesh.Gateway.TokenAsync(stranger.Redemption(code))).AssertProtocolError(400, "invalid_grant");
        }

        Assert.False(await mesh.Database.IsRevokedAsync(access));

        (await mesh.Gateway.TokenAsync(flow.Redemption(code))).AssertProtocolError(400, "invalid_grant");
        Assert.True(await mesh.Database.IsRevokedAsync(access));
        (await mesh.Gateway.RefreshAtAsync(client, tokens.Member("refresh_token")!)).AssertProtocolError(400, "invalid_grant");
    }

    [Fact]
    public async Task A_wrong_try_does_not_spend_a_code()
    {
        var client = await mesh.Gateway.AddClientAsync(await mesh.AdminTokenAsync());
        var (visitor, _) = await mesh.VisitSignedInAsync();
        var flow = new CodeFlow(client);
        var code = await visitor.CodeAsync(flow);

        (await mesh.Gateway.TokenAsync(new CodeFlow(client).Redemption(code))).AssertProtocolError(400, "invalid_grant");
        Assert.Equal(200, (await mesh.Gateway.TokenAsync(flow.Redemption(code))).Status);
    }

    [Fact]
    public async Task An_expired_code_gives_nothing()
    {
        var client = await mesh.Gateway.AddClientAsync(await mesh.AdminTokenAsync());
        var (visitor, _) = await mesh.VisitSignedInAsync();
        var flow = new CodeFlow(client);
        var code = await visitor.CodeAsync(flow);
        Assert.Equal(1, await mesh.Database.ExecuteAsync(
            "UPDATE authorization_codes SET expires_at = now() WHERE code_hash = sha256($1::text::bytea)", code));

        (await mesh.Gateway.TokenAsync(flow.Redemption(code))).AssertProtocolError(400, "invalid_grant");
    }

    [Theory]
    [InlineData("the sign-in ends")]
    [InlineData("the password changes")]
    [InlineData("the application is disabled")]
    public async Task A_code_gives_nothing_after(string change)
    {
        var admin = await mesh.AdminTokenAsync();
        var client = await mesh.Gateway.AddClientAsync(admin);
        var (visitor, username) = await mesh.VisitSignedInAsync();
        var flow = new CodeFlow(client);
        var code = await visitor.CodeAsync(flow);

        switch (change)
        {
            case "the sign-in ends":
                await visitor.PostAsync("/signout");
                break;
            case "the password changes":
                await mesh.Database.ExecuteAsync("UPDATE users SET epoch = epoch + 1 WHERE username = $1", username);
                break;
            default:
                Assert.Equal(200, (await mesh.Gateway.ChangeApplicationAsync(admin, client.Id, new { disabled = true })).Status);
                Assert.Equal(200, (await mesh.Gateway.ChangeApplicationAsync(admin, client.Id, new { disabled = false })).Status);
                break;
        }

        (await mesh.Gateway.TokenAsync(flow.Redemption(code))).AssertProtocolError(400, "invalid_grant");
    }

    [Fact]
    public async Task Disabling_an_application_ends_its_tokens_everywhere_by_one_entry()
    {
        var admin = await mesh.AdminTokenAsync();
        var client = await mesh.Gateway.AddClientAsync(admin);
        var another = await mesh.Gateway.AddClientAsync(admin);
        var (visitor, _) = await mesh.VisitSignedInAsync();
        var tokens = await visitor.SignInAtAsync(mesh.Gateway, new CodeFlow(client, "openid mesh"));
        var others = await visitor.SignInAtAsync(mesh.Gateway, new CodeFlow(another, "openid mesh"));
        Assert.Equal(200, (await mesh.Gateway.GetAsync("/protected", tokens.Member("access_token"))).Status);

        Assert.Equal(200, (await mesh.Gateway.ChangeApplicationAsync(admin, client.Id, new { disabled = true })).Status);

        await Patience.UntilAsync(async () => (await mesh.Gateway.GetAsync("/protected", tokens.Member("access_token"))).Status == 401);
        await Patience.UntilAsync(async () => (await mesh.Resource.GetAsync("/protected", tokens.Member("access_token"))).Status == 401);
        Assert.Equal(200, (await mesh.Gateway.GetAsync("/protected", others.Member("access_token"))).Status);
        Assert.Equal(
            1, await mesh.Database.ScalarAsync<long>(
                "SELECT count(*) FROM revocations WHERE kind = 'application-below-epoch' AND subject = $1", client.ClientId));
        (await mesh.Gateway.RefreshAtAsync(client, tokens.Member("refresh_token")!)).AssertProtocolError(401, "invalid_client");
        Assert.Equal(200, (await mesh.Gateway.ChangeApplicationAsync(admin, client.Id, new { disabled = false })).Status);
        (await mesh.Gateway.RefreshAtAsync(client, tokens.Member("refresh_token")!)).AssertProtocolError(400, "invalid_grant");
        await visitor.SignInAtAsync(mesh.Gateway, new CodeFlow(client)); // anew
    }

    [Fact]
    public async Task An_application_that_takes_the_name_of_a_deleted_one_gets_usable_tokens()
    {
        var admin = await mesh.AdminTokenAsync();
        var client = await mesh.Gateway.AddClientAsync(admin, "spa");
        var (visitor, _) = await mesh.VisitSignedInAsync();
        var old = await visitor.SignInAtAsync(mesh.Gateway, new CodeFlow(client, "mesh"));

        Assert.Equal(200, (await mesh.Gateway.CallAsync(HttpMethod.Delete, $"/applications/{client.Id}", admin)).Status);
        await Patience.UntilAsync(async () => (await mesh.Gateway.GetAsync("/protected", old.Member("access_token"))).Status == 401);
        var again = await mesh.Gateway.AddClientAsync(admin, "spa", new { client_id = client.ClientId });
        var tokens = await visitor.SignInAtAsync(
            mesh.Gateway, new CodeFlow(again with { ClientId = client.ClientId }, "mesh"));

        Assert.Equal(200, (await mesh.Gateway.GetAsync("/protected", tokens.Member("access_token"))).Status);
        (await mesh.Gateway.GetAsync("/protected", old.Member("access_token"))).AssertError(401, "invalid_token");
    }

    [Fact]
    public async Task Without_the_scope_mesh_an_application_reaches_only_what_names_its_scopes()
    {
        var client = await mesh.Gateway.AddClientAsync(
            await mesh.AdminTokenAsync(), "web", new { first_party = false, require_consent = true }, ["openid", "account.read"]);
        var (visitor, username) = await mesh.VisitSignedInAsync();
        var flow = new CodeFlow(client, "openid account.read");

        var asked = await visitor.GetAsync(flow.Path());
        Assert.StartsWith("/consent?continue=", asked.Header("Location"), StringComparison.Ordinal);
        var id = asked.Header("Location")!.Split('=')[1];
        Assert.Contains("See your account", (await visitor.GetAsync(asked.Header("Location")!)).Text, StringComparison.Ordinal);
        var back = (await visitor.PostAsync("/consent", ("continue", id), ("decision", "allow"))).LedBackTo(client.RedirectUri);
        var tokens = await mesh.Gateway.TokenAsync(flow.Redemption(back["code"]));
        var access = tokens.Member("access_token");

        Assert.False(new JsonWebToken(access).TryGetClaim("role", out _));
        (await mesh.Gateway.GetAsync("/protected", access)).AssertError(403, "insufficient_scope");
        Assert.Equal(username, (await mesh.Gateway.GetAsync("/account", access)).Member("username"));
        (await mesh.Gateway.GetAsync("/account/sessions", access)).AssertError(403, "insufficient_scope");
    }

    [Fact]
    public async Task Offline_access_outlives_the_sign_in_and_ends_with_the_epoch_of_the_user()
    {
        var client = await mesh.Gateway.AddClientAsync(await mesh.AdminTokenAsync(), "native");
        var (visitor, username) = await mesh.VisitSignedInAsync();
        var tokens = await visitor.SignInAtAsync(mesh.Gateway, new CodeFlow(client, "openid offline_access mesh"));

        await visitor.PostAsync("/signout");
        var refreshed = await mesh.Gateway.RefreshAtAsync(client, tokens.Member("refresh_token")!);
        Assert.Equal(200, refreshed.Status);

        await mesh.Database.ExecuteAsync("UPDATE users SET epoch = epoch + 1 WHERE username = $1", username);
        (await mesh.Gateway.RefreshAtAsync(client, refreshed.Member("refresh_token")!)).AssertProtocolError(400, "invalid_grant");
    }

    [Fact]
    public async Task A_refresh_token_at_a_wrong_door_is_refused_and_ends_nothing()
    {
        var admin = await mesh.AdminTokenAsync();
        var (client, other) = (await mesh.Gateway.AddClientAsync(admin), await mesh.Gateway.AddClientAsync(admin));
        var (visitor, _) = await mesh.VisitSignedInAsync();
        var ofApplication = (await visitor.SignInAtAsync(mesh.Gateway, new CodeFlow(client))).Member("refresh_token")!;
        var user = await mesh.Gateway.SignUpAsync();

        (await mesh.Gateway.RefreshAsync(ofApplication)).AssertError(401, "invalid_refresh_token");
        (await mesh.Gateway.RefreshAtAsync(other, ofApplication)).AssertProtocolError(400, "invalid_grant");
        (await mesh.Gateway.RefreshAtAsync(client, user.RefreshToken)).AssertProtocolError(400, "invalid_grant");

        Assert.Equal(200, (await mesh.Gateway.RefreshAtAsync(client, ofApplication)).Status);
        Assert.Equal(200, (await mesh.Gateway.RefreshAsync(user.RefreshToken)).Status);
    }

    [Fact]
    public async Task A_replayed_refresh_token_ends_the_session_of_the_application_alone()
    {
        var client = await mesh.Gateway.AddClientAsync(await mesh.AdminTokenAsync());
        var (visitor, _) = await mesh.VisitSignedInAsync();
        var tokens = await visitor.SignInAtAsync(mesh.Gateway, new CodeFlow(client));
        var access = new JsonWebToken(tokens.Member("access_token"));
        var next = await mesh.Gateway.RefreshAtAsync(client, tokens.Member("refresh_token")!);
        await mesh.Database.ExecuteAsync(
            "UPDATE sessions SET refreshed_at = refreshed_at - interval '31 seconds' WHERE id = $1", access.SessionId());

        (await mesh.Gateway.RefreshAtAsync(client, tokens.Member("refresh_token")!)).AssertProtocolError(400, "invalid_grant");

        Assert.True(await mesh.Database.IsRevokedAsync(access));
        (await mesh.Gateway.RefreshAtAsync(client, next.Member("refresh_token")!)).AssertProtocolError(400, "invalid_grant");
        await visitor.CodeAsync(new CodeFlow(client)); // the sign-in goes on
    }

    [Fact]
    public async Task A_refresh_narrows_the_scopes_of_a_token_and_never_widens_them()
    {
        var client = await mesh.Gateway.AddClientAsync(await mesh.AdminTokenAsync());
        var (visitor, _) = await mesh.VisitSignedInAsync();
        var refreshToken = (await visitor.SignInAtAsync(mesh.Gateway, new CodeFlow(client, "openid profile"))).Member("refresh_token")!;

        (await mesh.Gateway.RefreshAtAsync(client, refreshToken, ("scope", "openid mesh"))).AssertProtocolError(400, "invalid_scope");
        var narrowed = await mesh.Gateway.RefreshAtAsync(client, refreshToken, ("scope", "openid"));
        var whole = await mesh.Gateway.RefreshAtAsync(client, narrowed.Member("refresh_token")!);

        Assert.Equal(("openid", "openid profile"), (narrowed.Member("scope"), whole.Member("scope")));
    }

    [Fact]
    public async Task A_new_sign_in_of_an_application_replaces_its_earlier_session_under_the_same_sign_in()
    {
        var client = await mesh.Gateway.AddClientAsync(await mesh.AdminTokenAsync());
        var (visitor, _) = await mesh.VisitSignedInAsync();
        var first = new JsonWebToken((await visitor.SignInAtAsync(mesh.Gateway, new CodeFlow(client))).Member("access_token"));

        var second = new JsonWebToken((await visitor.SignInAtAsync(mesh.Gateway, new CodeFlow(client))).Member("access_token"));

        Assert.True(await mesh.Database.IsRevokedAsync(first));
        Assert.False(await mesh.Database.IsRevokedAsync(second));
    }
}
