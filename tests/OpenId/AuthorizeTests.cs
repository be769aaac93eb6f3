using System.Globalization;
using AuthMesh.Tests.Applications;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Pages;
using AuthMesh.Tests.Sessions;
using Microsoft.IdentityModel.JsonWebTokens;

namespace AuthMesh.Tests.OpenId;

/// <summary>What an authorization demands of the user, and what nobody gets by it.</summary>
public sealed class AuthorizeTests(ProductionMesh mesh)
{
    [Fact]
    public async Task Prompt_none_asks_nothing_and_says_what_it_lacks()
    {
        var admin = await mesh.AdminTokenAsync();
        var client = await mesh.Gateway.AddClientAsync(admin);
        var stranger = await mesh.Gateway.AddClientAsync(admin, "web", new { first_party = false, require_consent = true }, ["openid"]);
        var (visitor, username) = await mesh.VisitSignedInAsync();

        Assert.Equal("login_required", await ErrorAsync(new Visitor(mesh.Gateway, ProductionMesh.Issuer), client, ("prompt", "none")));
        Assert.Equal("consent_required", await ErrorAsync(visitor, stranger, ("prompt", "none"), ("scope", "openid")));
        await AgeProofsAsync(username, 120);
        Assert.Equal("login_required", await ErrorAsync(visitor, client, ("prompt", "none"), ("max_age", "60")));
        Assert.Null(await ErrorAsync(visitor, client, ("prompt", "none"), ("max_age", "3600")));
    }

    [Theory]
    [InlineData("prompt", "login")]
    [InlineData("max_age", "60")]
    [InlineData("max_age", "0")]
    public async Task A_demand_for_a_new_proof_is_met_by_a_proof_since_then(string name, string value)
    {
        var client = await mesh.Gateway.AddClientAsync(await mesh.AdminTokenAsync());
        var (visitor, username) = await mesh.VisitSignedInAsync();
        await AgeProofsAsync(username, 120);
        var flow = new CodeFlow(client);

        var asked = await visitor.GetAsync(flow.Path((name, value)));
        Assert.StartsWith("/confirm?return=%2Fauthorize%3Fcontinue%3D", asked.Header("Location"), StringComparison.Ordinal);
        var leadsTo = Uri.UnescapeDataString(asked.Header("Location")!.Split('=', 2)[1]);
        Assert.Equal(asked.Header("Location"), (await visitor.GetAsync(leadsTo)).Header("Location")); // nothing was proved yet
        var confirmed = await visitor.PostAsync("/confirm", ("password", PagesMesh.Password), ("return", leadsTo), ("use", ""));
        Assert.Equal(leadsTo, confirmed.Header("Location"));
        var code = (await visitor.GetAsync(leadsTo)).LedBackTo(client.RedirectUri)["code"];

        var tokens = await mesh.Gateway.TokenAsync(flow.Redemption(code));
        var provedAt = new JsonWebToken(tokens.Member("id_token")).GetClaim("auth_time").Value;
        Assert.InRange(
            TimeProvider.System.GetUtcNow().ToUnixTimeSeconds() - long.Parse(provedAt, CultureInfo.InvariantCulture), -5, 60);
    }

    [Fact]
    public async Task The_user_is_asked_once_for_what_an_application_wants_and_again_for_more()
    {
        var client = await mesh.Gateway.AddClientAsync(
            await mesh.AdminTokenAsync(), "web", new { first_party = false, require_consent = true }, ["openid", "profile", "email"]);
        var (visitor, _) = await mesh.VisitSignedInAsync();

        Assert.Equal("code", await DecideAsync(visitor, new CodeFlow(client, "openid profile"), "allow"));
        await visitor.CodeAsync(new CodeFlow(client, "openid profile"));
        await visitor.CodeAsync(new CodeFlow(client, "profile"));
        Assert.Equal("access_denied", await DecideAsync(visitor, new CodeFlow(client, "openid email"), "refuse"));
        Assert.Equal("code", await DecideAsync(visitor, new CodeFlow(client, "openid email"), "allow"));
        await visitor.CodeAsync(new CodeFlow(client, "openid profile email"));
        Assert.StartsWith(
            "/consent?", (await visitor.GetAsync(new CodeFlow(client, "openid").Path(("prompt", "consent")))).Header("Location"),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_native_application_whose_address_anybody_can_claim_is_asked_for_each_time()
    {
        var client = await mesh.Gateway.AddClientAsync(
            await mesh.AdminTokenAsync(), "native", new { redirect_uris = (string[])["http://127.0.0.1/callback"] });
        client = client with { RedirectUri = "http://127.0.0.1:49152/callback" }; // any port
        var (visitor, _) = await mesh.VisitSignedInAsync();

        Assert.Equal("code", await DecideAsync(visitor, new CodeFlow(client, "openid"), "allow"));
        Assert.Equal("code", await DecideAsync(visitor, new CodeFlow(client, "openid"), "allow"));
        Assert.Equal("interaction_required", await ErrorAsync(visitor, client, ("prompt", "none")));
    }

    [Fact]
    public async Task A_consent_counts_once_and_only_from_our_own_page()
    {
        var client = await mesh.Gateway.AddClientAsync(
            await mesh.AdminTokenAsync(), "web", new { first_party = false, require_consent = true }, ["openid"]);
        var (visitor, _) = await mesh.VisitSignedInAsync();
        var id = (await visitor.GetAsync(new CodeFlow(client, "openid").Path())).Header("Location")!.Split('=')[1];

        var foreign = await visitor.PostAsync(
            "/consent", request => request.Headers.Add("Origin", "https://evil.example"), ("continue", id), ("decision", "allow"));
        Assert.Equal(403, foreign.Status);
        var answers = await Together.RunAsync(
            () => visitor.PostAsync("/consent", ("continue", id), ("decision", "allow")),
            () => visitor.PostAsync("/consent", ("continue", id), ("decision", "allow")),
            () => visitor.PostAsync("/consent", ("continue", id), ("decision", "allow")));

        Assert.Single(answers, answer => answer.Status == 200 && answer.Text.Contains("code=", StringComparison.Ordinal));
        Assert.Equal(2, answers.Count(answer => answer.Status == 400));
    }

    [Fact]
    public async Task A_consent_counts_for_nobody_but_whom_the_page_asked()
    {
        var client = await mesh.Gateway.AddClientAsync(
            await mesh.AdminTokenAsync(), "web", new { first_party = false, require_consent = true }, ["openid"]);
        var (visitor, asked) = await mesh.VisitSignedInAsync();
        var flow = new CodeFlow(client, "openid");
        var id = (await visitor.GetAsync(flow.Path())).Header("Location")!.Split('=')[1];
        var other = await visitor.BecomeAnotherAsync();

        var again = await visitor.PostAsync("/consent", ("continue", id), ("account", asked), ("decision", "allow"));
        Assert.Equal(200, again.Status);
        Assert.Contains($"name=\"account\" value=\"{other}\"", again.Text, StringComparison.Ordinal);
        Assert.Equal(0, await mesh.Database.ScalarAsync<long>("SELECT count(*) FROM consents WHERE application_id = $1", client.Id));

        var allowed = await visitor.PostAsync("/consent", ("continue", id), ("account", other), ("decision", "allow"));
        Assert.True(allowed.LedBackTo(client.RedirectUri).ContainsKey("code"));
    }

    [Fact]
    public async Task A_form_of_another_site_brings_no_cookie_and_comes_back_by_its_address()
    {
        var client = await mesh.Gateway.AddClientAsync(await mesh.AdminTokenAsync());
        var (visitor, _) = await mesh.VisitSignedInAsync();
        var flow = new CodeFlow(client);

        var stored = await visitor.PostAsync("/authorize", Foreign, flow.Parameters);
        Assert.Equal(303, stored.Status);
        Assert.StartsWith($"/authorize?client_id={client.ClientId}&request_uri=", stored.Header("Location"), StringComparison.Ordinal);
        Assert.True((await visitor.GetAsync(stored.Header("Location")!)).LedBackTo(client.RedirectUri).ContainsKey("code"));
        Assert.Equal(400, (await visitor.GetAsync(stored.Header("Location")!)).Status); // once

        static void Foreign(HttpRequestMessage request)
        {
            request.Headers.Add("Origin", "https://app.example");
            request.Headers.Add("Sec-Fetch-Site", "cross-site");
        }
    }

    [Fact]
    public async Task No_token_names_the_user_of_an_authorization()
    {
        var admin = await mesh.AdminTokenAsync();
        var client = await mesh.Gateway.AddClientAsync(admin);
        var (visitor, _) = await mesh.VisitSignedInAsync();
        var access = (await visitor.SignInAtAsync(mesh.Gateway, new CodeFlow(client, "openid mesh"))).Member("access_token");
        var user = await mesh.Gateway.SignUpAsync();

        foreach (var token in (string?[])[access, user.Token])
        {
            var answer = await mesh.Gateway.GetAsync(new CodeFlow(client).Path(), token);
            Assert.StartsWith("/signin?", answer.Header("Location"), StringComparison.Ordinal);
        }

        // The identity service itself refuses the token of an application there.
        var direct = await mesh.Identity.GetAsync(new CodeFlow(client).Path(), access);
        Assert.StartsWith("/signin?", direct.Header("Location"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_pushed_request_cannot_be_changed_by_the_browser_and_may_be_demanded()
    {
        var admin = await mesh.AdminTokenAsync();
        var client = await mesh.Gateway.AddClientAsync(admin, "web", new { require_pushed_requests = true });
        var other = await mesh.Gateway.AddClientAsync(admin);
        var (visitor, _) = await mesh.VisitSignedInAsync();
        var flow = new CodeFlow(client, "openid");

        Assert.Equal("invalid_request", await ErrorAsync(visitor, client));
        (await mesh.Gateway.FormAsync("/par", [.. flow.Parameters])).AssertProtocolError(401, "invalid_client");
        var pushed = await mesh.Gateway.FormAsync("/par", [.. flow.Parameters, ("client_secret", client.Secret!)]);
        Assert.Equal((201, "60"), (pushed.Status, pushed.Member("expires_in")));
        var query = $"request_uri={Uri.EscapeDataString(pushed.Member("request_uri")!)}&scope=openid%20mesh&state=changed";
        Assert.Equal(400, (await visitor.GetAsync($"/authorize?client_id={other.ClientId}&{query}")).Status);
        var back = (await visitor.GetAsync($"/authorize?client_id={client.ClientId}&{query}")).LedBackTo(client.RedirectUri);

        Assert.Equal(flow.State, back["state"]);
        Assert.Equal("openid", (await mesh.Gateway.TokenAsync(flow.Redemption(back["code"]))).Member("scope"));
    }

    [Fact]
    public async Task A_form_carries_the_answer_to_the_registered_address_alone()
    {
        var client = await mesh.Gateway.AddClientAsync(await mesh.AdminTokenAsync());
        var (visitor, _) = await mesh.VisitSignedInAsync();

        var page = await visitor.GetAsync(new CodeFlow(client).Path(("response_mode", "form_post")));

        Assert.Equal(200, page.Status);
        Assert.Contains("action=\"https://app.example/callback\"", page.Text, StringComparison.Ordinal);
        Assert.Contains("name=\"code\"", page.Text, StringComparison.Ordinal);
        Assert.Contains("form-action 'self' https://app.example;", page.Header("Content-Security-Policy"), StringComparison.Ordinal);
    }

    private static async Task<string?> DecideAsync(Visitor visitor, CodeFlow flow, string decision)
    {
        var asked = await visitor.GetAsync(flow.Path());
        Assert.StartsWith("/consent?continue=", asked.Header("Location"), StringComparison.Ordinal);
        var page = await visitor.GetAsync(asked.Header("Location")!);
        Assert.Equal(200, page.Status);
        var answer = await visitor.PostAsync("/consent", ("continue", asked.Header("Location")!.Split('=')[1]), ("decision", decision));
        var back = answer.LedBackTo(flow.Client.RedirectUri);
        return back.GetValueOrDefault("error") ?? (back.ContainsKey("code") ? "code" : null);
    }

    private static async Task<string?> ErrorAsync(Visitor visitor, RegisteredClient client, params (string Name, string? Value)[] changes)
    {
        var flow = new CodeFlow(client, "openid");
        var back = (await visitor.GetAsync(flow.Path(changes))).LedBackTo(client.RedirectUri);
        Assert.Equal((flow.State, ProductionMesh.Issuer), (back.GetValueOrDefault("state"), back["iss"]));
        return back.GetValueOrDefault("error");
    }

    private Task<int> AgeProofsAsync(string username, int seconds) => mesh.Database.ExecuteAsync(
        """
        UPDATE sessions s SET methods = jsonb_build_object('pwd', floor(extract(epoch FROM now()))::bigint - $2)
        FROM users u WHERE u.id = s.user_id AND u.username = $1
        """,
        username, seconds);
}
