using System.Buffers.Text;
using System.Text;
using AuthMesh.Tests.Applications;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Pages;
using AuthMesh.Tests.Sessions;
using Microsoft.IdentityModel.JsonWebTokens;

namespace AuthMesh.Tests.OpenId;

/// <summary>Userinfo, revocation, introspection, sign-out, and what pages of other origins may do.</summary>
public sealed class ProtocolEndpointTests(ProductionMesh mesh)
{
    [Fact]
    public async Task Userinfo_tells_what_the_scopes_open_and_nothing_to_other_tokens()
    {
        var client = await mesh.Gateway.AddClientAsync(await mesh.AdminTokenAsync());
        var (visitor, username) = await mesh.VisitSignedInAsync();
        var tokens = await visitor.SignInAtAsync(mesh.Gateway, new CodeFlow(client, "openid profile email"));
        var access = tokens.Member("access_token")!;

        var told = await mesh.Gateway.GetAsync("/userinfo", access);
        Assert.Equal(["sub", "preferred_username"], told.Json.EnumerateObject().Select(member => member.Name)); // no address is proved
        Assert.Equal((new JsonWebToken(access).Subject, username), (told.Member("sub"), told.Member("preferred_username")));
        Assert.Contains("no-store", told.Header("Cache-Control"), StringComparison.Ordinal);
        Assert.Equal(200, (await mesh.Gateway.CallAsync(HttpMethod.Post, "/userinfo", access)).Status);

        var user = await mesh.Gateway.SignUpAsync();
        var missing = await mesh.Gateway.GetAsync("/userinfo");
        Assert.Equal((401, "Bearer realm=\"authmesh\""), (missing.Status, missing.Header("WWW-Authenticate")));
        Assert.Equal(403, (await mesh.Gateway.GetAsync("/userinfo", user.Token)).Status);
        Assert.Equal(401, (await mesh.Gateway.GetAsync("/userinfo", tokens.Member("id_token"))).Status);
        await visitor.PostAsync("/signout");
        Assert.Equal(401, (await mesh.Gateway.GetAsync("/userinfo", access)).Status);
    }

    [Theory]
    [InlineData("Bearer a.b.c", true)]
    [InlineData("bearer x y", true)]
    [InlineData("Bearer x, Bearer y", true)]
    [InlineData(null, false)]
    [InlineData("Basic eDp5", false)]
    [InlineData("Bearer", false)]
    public async Task Userinfo_calls_every_bad_token_invalid(string? authorization, bool isPresented)
    {
        foreach (var caller in (Caller[])[mesh.Gateway, mesh.Identity])
        {
            var answer = await caller.SendAsync(
                HttpMethod.Get, "/userinfo", null,
                request => request.Headers.TryAddWithoutValidation("Authorization", authorization is null ? [] : [authorization]));

            answer.AssertErrorWith(["error", "error_description"], 401, isPresented ? "invalid_token" : "missing_token");
            Assert.Equal("invalid_token", answer.Member("error"));
            // RFC 6750 §3.1: without an error if the request presents no token
            Assert.Equal(isPresented, answer.Header("WWW-Authenticate")!.Contains("error=\"invalid_token\"", StringComparison.Ordinal));
        }
    }

    [Theory]
    [InlineData("access_token")]
    [InlineData("refresh_token")]
    public async Task A_revocation_ends_the_session_behind_a_token_of_the_client_that_asks(string token)
    {
        var admin = await mesh.AdminTokenAsync();
        var (client, other) = (await mesh.Gateway.AddClientAsync(admin), await mesh.Gateway.AddClientAsync(admin));
        var (visitor, _) = await mesh.VisitSignedInAsync();
        var tokens = await visitor.SignInAtAsync(mesh.Gateway, new CodeFlow(client, "openid mesh"));
        var access = new JsonWebToken(tokens.Member("access_token"));

        Assert.Equal(200, (await mesh.Gateway.FormAsync("/revoke", [("token", tokens.Member(token)!), .. other.Credentials])).Status);
        Assert.False(await mesh.Database.IsRevokedAsync(access));
        Assert.Equal(200, (await mesh.Gateway.FormAsync("/revoke", [("token", tokens.Member(token)!), .. client.Credentials])).Status);
        Assert.True(await mesh.Database.IsRevokedAsync(access));
        await visitor.CodeAsync(new CodeFlow(client)); // the sign-in goes on
        Assert.Equal(200, (await mesh.Gateway.FormAsync("/revoke", [("token", tokens.Member(token)!), .. client.Credentials])).Status);
        (await mesh.Gateway.FormAsync("/revoke", ("token", tokens.Member(token)!))).AssertProtocolError(401, "invalid_client");
    }

    [Fact]
    public async Task A_token_of_a_sign_in_is_not_the_clients_and_stays()
    {
        var client = await mesh.Gateway.AddClientAsync(await mesh.AdminTokenAsync());
        var user = await mesh.Gateway.SignUpAsync();

        foreach (var token in (string[])[user.Token, user.RefreshToken])
        {
            Assert.Equal(200, (await mesh.Gateway.FormAsync("/revoke", [("token", token), .. client.Credentials])).Status);
            var described = await mesh.Gateway.FormAsync("/introspect", [("token", token), .. client.Credentials]);
            Assert.Equal("""{"active":false}""", described.Text);
        }

        Assert.Equal(200, (await mesh.Gateway.RefreshAsync(user.RefreshToken)).Status);
    }

    [Fact]
    public async Task Introspection_describes_live_tokens_to_their_client_alone()
    {
        var admin = await mesh.AdminTokenAsync();
        var (client, other) = (await mesh.Gateway.AddClientAsync(admin), await mesh.Gateway.AddClientAsync(admin));
        var browser = await mesh.Gateway.AddClientAsync(admin, "spa");
        var (visitor, username) = await mesh.VisitSignedInAsync();
        var tokens = await visitor.SignInAtAsync(mesh.Gateway, new CodeFlow(client, "openid mesh"));

        var own = await AskAsync(client, "access_token");
        Assert.Equal(
            ("True", username, client.ClientId, "openid mesh"),
            (own.Member("active"), own.Member("username"), own.Member("client_id"), own.Member("scope")));
        Assert.Equal("True", (await AskAsync(client, "refresh_token")).Member("active"));
        Assert.Equal("""{"active":false}""", (await AskAsync(other, "access_token")).Text);
        Assert.Equal("""{"active":false}""", (await AskAsync(other, "refresh_token")).Text);
        (await AskAsync(browser, "access_token")).AssertProtocolError(401, "invalid_client");

        var newer = await mesh.Gateway.RefreshAtAsync(client, tokens.Member("refresh_token")!);
        Assert.Equal("""{"active":false}""", (await AskAsync(client, "refresh_token")).Text); // a newer one replaces it
        Assert.Equal("True", (await mesh.Gateway.FormAsync(
            "/introspect", [("token", newer.Member("refresh_token")!), .. client.Credentials])).Member("active"));
        await mesh.Gateway.FormAsync("/revoke", [("token", tokens.Member("refresh_token")!), .. client.Credentials]);
        Assert.Equal("""{"active":false}""", (await AskAsync(client, "access_token")).Text); // at once
        Assert.Equal("""{"active":false}""", (await AskAsync(client, "refresh_token")).Text);

        Task<Answer> AskAsync(RegisteredClient asks, string token) =>
            mesh.Gateway.FormAsync("/introspect", [("token", tokens.Member(token)!), .. asks.Credentials]);
    }

    /// <summary>Hints that are no id_token of this server, by what is wrong with them. The three parts are those of a good one.</summary>
    private static readonly Dictionary<string, Func<string, string, string, string>> WrongHints = new()
    {
        ["a text"] = (_, _, _) => "garbage",
        ["three letters"] = (_, _, _) => "a.b.c",
        ["three parts of nothing"] = (_, _, _) => "AAAA.AAAA.AAAA",
        ["five parts"] = (header, claims, signature) => $"{header}.{claims}.{signature}.a.b",
        ["a header that is a list"] = (_, claims, signature) => $"{Encode("[]")}.{claims}.{signature}",
        ["a header that is no text"] = (_, claims, signature) => $"_____w.{claims}.{signature}",
        ["a kid that is a number"] = (_, claims, signature) =>
            $"{Encode("{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":7}")}.{claims}.{signature}",
        ["a kid that is half a character"] = (_, claims, signature) =>
            $"{Encode("{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"\\ud800\"}")}.{claims}.{signature}",
        ["claims that are no JSON"] = (header, _, signature) => $"{header}.AAAA.{signature}",
        ["claims that are a list"] = (header, _, signature) => $"{header}.{Encode("[]")}.{signature}",
        ["deep claims"] = (header, _, signature) => $"{header}.{Encode(new string('[', 2000))}.{signature}",
        ["times that are no numbers"] = (header, _, signature) => $"{header}.{Encode("{\"exp\":\"x\",\"iat\":1e999}")}.{signature}",
        ["no signature"] = (header, claims, _) => $"{header}.{claims}.",
        ["another signature"] = (header, claims, _) => $"{header}.{claims}.AAAA",
    };

    public static TheoryData<string> Hints => [.. WrongHints.Keys];

    [Theory]
    [MemberData(nameof(Hints))]
    public async Task A_hint_that_is_no_id_token_names_nobody(string what)
    {
        var client = await mesh.Gateway.AddClientAsync(await mesh.AdminTokenAsync());
        var (visitor, _) = await mesh.VisitSignedInAsync();
        var flow = new CodeFlow(client);
        var good = (await visitor.SignInAtAsync(mesh.Gateway, flow)).Member("id_token")!;
        var hint = good.Split('.') is [var header, var claims, var signature] ? WrongHints[what](header, claims, signature) : "";

        Assert.Equal(
            "login_required", (await visitor.GetAsync(flow.Path(("id_token_hint", hint)))).LedBackTo(client.RedirectUri)["error"]);
        var asks = await visitor.GetAsync("/end-session?" + CodeFlow.Query([("id_token_hint", hint)]));
        Assert.True(asks.Status == 200, asks.ToString());
        Assert.DoesNotContain("data-send", asks.Text, StringComparison.Ordinal);
        Assert.Contains("code", (await visitor.GetAsync(flow.Path(("id_token_hint", good)))).LedBackTo(client.RedirectUri));
        Assert.Equal(303, (await visitor.PostAsync("/end-session", ("id_token_hint", hint))).Status); // the page's own form signs out
    }

    private static string Encode(string json) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(json));

    [Fact]
    public async Task A_sign_out_for_an_application_asks_unless_the_hint_names_a_session_of_this_sign_in()
    {
        var client = await mesh.Gateway.AddClientAsync(await mesh.AdminTokenAsync());
        var (visitor, _) = await mesh.VisitSignedInAsync();
        var (other, _) = await mesh.VisitSignedInAsync();
        var tokens = await visitor.SignInAtAsync(mesh.Gateway, new CodeFlow(client, "openid"));
        var foreign = (await other.SignInAtAsync(mesh.Gateway, new CodeFlow(client, "openid"))).Member("id_token")!;
        var access = new JsonWebToken(tokens.Member("access_token"));
        (string, string)[] leads = [("post_logout_redirect_uri", RegisteredClient.SignedOut), ("state", "s 1")];

        var sure = await visitor.GetAsync(
            "/end-session?" + CodeFlow.Query([("id_token_hint", tokens.Member("id_token")!), .. leads]));
        Assert.Contains("data-send", sure.Text, StringComparison.Ordinal);
        foreach (var hint in (string[])[foreign, "garbage"])
        {
            var asks = await visitor.GetAsync("/end-session?" + CodeFlow.Query([("id_token_hint", hint), .. leads]));
            Assert.Equal(200, asks.Status);
            Assert.DoesNotContain("data-send", asks.Text, StringComparison.Ordinal);
        }

        Assert.False(await mesh.Database.IsRevokedAsync(access)); // an address changes nothing
        (string, string)[] form = [("id_token_hint", tokens.Member("id_token")!), .. leads];
        var crossSite = await visitor.PostAsync("/end-session", request => request.Headers.Add("Origin", "https://app.example"), form);
        Assert.Equal(303, crossSite.Status);
        Assert.StartsWith("/end-session?", crossSite.Header("Location"), StringComparison.Ordinal);
        Assert.False(await mesh.Database.IsRevokedAsync(access));

        var done = await visitor.PostAsync("/end-session", form);
        Assert.Equal("s 1", done.LedBackTo(RegisteredClient.SignedOut)["state"]);
        Assert.True(await mesh.Database.IsRevokedAsync(access));
        Assert.StartsWith("/signin", (await visitor.GetAsync("/me")).Header("Location"), StringComparison.Ordinal);
        await other.CodeAsync(new CodeFlow(client));
    }

    [Theory]
    [InlineData("https://evil.example/")]
    [InlineData("https://app.example/signed-out?a=b")]
    [InlineData("javascript:alert(1)")]
    public async Task A_sign_out_leads_to_registered_addresses_alone(string uri)
    {
        var client = await mesh.Gateway.AddClientAsync(await mesh.AdminTokenAsync());
        var (visitor, _) = await mesh.VisitSignedInAsync();
        (string, string)[] request = [("client_id", client.ClientId), ("post_logout_redirect_uri", uri)];

        Assert.Equal(400, (await visitor.GetAsync("/end-session?" + CodeFlow.Query(request))).Status);
        Assert.Equal(400, (await visitor.PostAsync("/end-session", request)).Status);
        Assert.Equal(200, (await visitor.GetAsync("/me")).Status);
    }

    [Theory]
    [InlineData("/token", true)]
    [InlineData("/userinfo", true)]
    [InlineData("/revoke", true)]
    [InlineData("/par", true)]
    [InlineData("/introspect", false)]
    [InlineData("/refresh", false)]
    public async Task Pages_of_every_origin_may_read_the_answers_of_the_protocol(string path, bool isReadable)
    {
        var preflight = await mesh.Gateway.SendAsync(HttpMethod.Options, path, change: request =>
        {
            request.Headers.Add("Origin", "https://app.example");
            request.Headers.Add("Access-Control-Request-Method", "POST");
            request.Headers.Add("Access-Control-Request-Headers", "authorization,content-type");
        });
        Assert.Equal(isReadable ? (204, "*") : (405, null), (preflight.Status, preflight.Header("Access-Control-Allow-Origin")));
        if (isReadable)
        {
            Assert.Contains("authorization", preflight.Header("Access-Control-Allow-Headers"), StringComparison.OrdinalIgnoreCase);
        }

        var answer = await mesh.Gateway.SendAsync(
            HttpMethod.Post, path, new FormUrlEncodedContent([]), request => request.Headers.Add("Origin", "https://app.example"));
        Assert.Equal(isReadable ? "*" : null, answer.Header("Access-Control-Allow-Origin"));
        Assert.Null(answer.Header("Access-Control-Allow-Credentials"));
        Assert.Equal(path == "/refresh" ? 403 : path == "/userinfo" ? 401 : 400 + (path == "/token" ? 0 : 1), answer.Status);
    }
}
