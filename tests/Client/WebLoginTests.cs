using System.Net.Sockets;
using System.Text;
using AuthMesh.Tests.Applications;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.OpenId;
using AuthMesh.Tests.Pages;

namespace AuthMesh.Tests.Client;

/// <summary>The client signs in by a browser, at a real mesh. The test is the browser.</summary>
public sealed class WebLoginTests(ProductionMesh mesh) : IDisposable
{
    private readonly Authmesh authmesh = new();

    private string Server => mesh.Gateway.Address.GetLeftPart(UriPartial.Authority);

    [Fact]
    public async Task A_user_signs_in_by_a_code_works_renews_and_signs_out()
    {
        var client = await AddClientAsync();
        var (visitor, username) = await mesh.VisitSignedInAsync();

        // 1. The sign-in.
        using var running = Start(null, client, "--web");
        var code = await running.CodeAsync();
        Assert.Contains($"\n  {ProductionMesh.Issuer}/device\n", running.Errors, StringComparison.Ordinal);
        await AllowAsync(visitor, code);
        var signedIn = await running.EndAsync();
        Assert.Equal((0, $"Welcome {username}!\n"), (signedIn.ExitCode, signedIn.Output));
        var session = authmesh.Session(Server);
        Assert.Equal((username, client.ClientId), (session.Member("username"), session.Member("client_id")));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(authmesh.SessionFile));

        // 2. The commands.
        Assert.Equal($"You are viewing protected content, {username}!\n", (await authmesh.RunAsync("protected")).Output);
        Assert.Matches(
            $"^name      {username}\nrole      user\nserver    [^\n]+\nexpires   [^\n]+ \\(in 14 days\\)\n$",
            (await authmesh.RunAsync("whoami")).Output);
        (await authmesh.RunAsync("account")).AssertExited(0);
        (await authmesh.RunAsync("sessions")).AssertFailed(
            1, "The scopes of this token do not allow this", "sign in with a password for the rest: authmesh login NAME");

        // 3. The renewal.
        authmesh.Expire(Server);
        (await authmesh.RunAsync("protected")).AssertExited(0);
        var renewed = authmesh.Session(Server);
        Assert.NotEqual(session.Member("refresh_token"), renewed.Member("refresh_token"));
        Assert.Equal(client.ClientId, renewed.Member("client_id"));

        // 4. The sign-out.
        Assert.Equal("Logged out successfully\n", (await authmesh.RunAsync("logout")).Output);
        Assert.Equal(0, await mesh.Database.ScalarAsync<long>(
            "SELECT count(*) FROM sessions WHERE application_id = $1 AND ended_at IS NULL", client.Id));
        (await mesh.Gateway.RefreshAtAsync(client, renewed.Member("refresh_token")!)).AssertProtocolError(400, "invalid_grant");
        (await authmesh.RunAsync("protected")).AssertFailed(4, "Not signed in");
    }

    [Fact]
    public async Task A_session_that_ended_elsewhere_is_explained_and_kept()
    {
        var client = await AddClientAsync();
        var (visitor, _) = await mesh.VisitSignedInAsync();
        using var running = Start(null, client, "--device");
        await AllowAsync(visitor, await running.CodeAsync());
        (await running.EndAsync()).AssertExited(0);
        await mesh.Database.ExecuteAsync("UPDATE sessions SET ended_at = now() WHERE application_id = $1", client.Id);
        authmesh.Expire(Server);
        var kept = authmesh.Sessions;

        (await authmesh.RunAsync("whoami")).AssertFailed(
            4, "The sign-in by a browser has ended", $"hint: sign in again: authmesh login --web --client-id {client.ClientId}");

        Assert.Equal(kept, authmesh.Sessions);
    }

    [Fact]
    public async Task At_a_desktop_the_browser_leads_back_to_the_client()
    {
        var client = await AddClientAsync();
        var (visitor, username) = await mesh.VisitSignedInAsync();
        using var desktop = new FakeDesktop();

        // 1. The browser opens, and the user allows it: another program could have opened it.
        using var running = Start(desktop.Environment, client, "--web");
        var opened = await desktop.OpenedAsync(running);
        Assert.StartsWith(
            $"{ProductionMesh.Issuer}/authorize?client_id={client.ClientId}&request_uri=urn", opened.OriginalString,
            StringComparison.Ordinal);
        var asked = await visitor.GetAsync(opened.PathAndQuery);
        Assert.StartsWith("/consent?continue=", asked.Header("Location"), StringComparison.Ordinal);
        var page = await visitor.PostAsync("/consent", ("continue", asked.Header("Location")!.Split('=')[1]), ("decision", "allow"));
        var back = new Uri(System.Net.WebUtility.HtmlDecode(page.Text.Split("content=\"0;url=")[1].Split('"')[0]));
        Assert.Matches("^http://127\\.0\\.0\\.1:[0-9]+/callback$", back.GetLeftPart(UriPartial.Path));

        // 2. Whoever lacks the secret state changes nothing.
        using var listener = new Caller(new Uri(back.GetLeftPart(UriPartial.Authority)));
        foreach (var path in (string[])
            ["/callback", "/callback?state=x&code=y", "/callback?error=access_denied", "/", "/favicon.ico", back.PathAndQuery + "&code=z",
            "/other" + back.Query])
        {
            var wrong = await listener.GetAsync(path);
            Assert.Equal((400, true), (wrong.Status, wrong.Text.Contains("Nothing waits for this", StringComparison.Ordinal)));
        }

        Assert.Equal(400, (await listener.FormAsync(back.PathAndQuery)).Status);
        Assert.Equal(400, (await listener.SendAsync(
            HttpMethod.Get, back.PathAndQuery, null, request => request.Headers.Host = "rebound.example")).Status);
        using (var idle = new TcpClient(back.Host, back.Port)) // browsers open connections in advance
        {
            // 3. The browser comes back.
            var done = await listener.GetAsync(back.PathAndQuery);
            Assert.Equal((200, "no-store"), (done.Status, done.Header("Cache-Control")));
            Assert.Contains("You can close this window", done.Text, StringComparison.Ordinal);
            Assert.Contains("default-src 'none'", done.Header("Content-Security-Policy"), StringComparison.Ordinal);
            var signedIn = await running.EndAsync();
            Assert.Equal((0, $"Welcome {username}!\n"), (signedIn.ExitCode, signedIn.Output));
        }

        (await authmesh.RunAsync("protected")).AssertExited(0);
        await Assert.ThrowsAsync<HttpRequestException>(() => listener.GetAsync("/"));
    }

    [Fact]
    public async Task A_user_who_refuses_in_the_browser_stays_signed_out()
    {
        var client = await AddClientAsync();
        var (visitor, _) = await mesh.VisitSignedInAsync();
        using var desktop = new FakeDesktop();
        using var running = Start(desktop.Environment, client, "--web");
        var asked = await visitor.GetAsync((await desktop.OpenedAsync(running)).PathAndQuery);
        var page = await visitor.PostAsync("/consent", ("continue", asked.Header("Location")!.Split('=')[1]), ("decision", "refuse"));
        var back = new Uri(System.Net.WebUtility.HtmlDecode(page.Text.Split("content=\"0;url=")[1].Split('"')[0]));
        using var listener = new Caller(new Uri(back.GetLeftPart(UriPartial.Authority)));

        (await listener.GetAsync(back.PathAndQuery)).AssertOk();

        var ended = await running.EndAsync();
        ended.AssertExited(1);
        Assert.Contains("The user refused", ended.Errors, StringComparison.Ordinal);
        Assert.False(File.Exists(authmesh.SessionFile));
    }

    [Theory]
    [InlineData("over SSH")]
    [InlineData("--no-browser")]
    [InlineData("the opener fails")]
    [InlineData("the address is not registered")]
    public async Task Where_no_browser_can_lead_back_a_code_is_shown(string reason)
    {
        var client = await AddClientAsync(reason == "the address is not registered" ? "https://app.example/callback" : null);
        var (visitor, username) = await mesh.VisitSignedInAsync();
        using var desktop = new FakeDesktop(exitCode: reason == "the opener fails" ? 3 : 0);

        using var running = Start(
            reason == "over SSH" ? desktop.OverSsh : desktop.Environment, client,
            reason == "--no-browser" ? ["--web", "--no-browser"] : ["--web"]);
        var code = await running.CodeAsync();
        Assert.Equal(reason.StartsWith("the ", StringComparison.Ordinal), desktop.HasOpened);
        Assert.Equal(reason == "the address is not registered", running.Errors.Contains("the code filled in", StringComparison.Ordinal));
        await AllowAsync(visitor, code);

        Assert.Equal($"Welcome {username}!\n", (await running.EndAsync()).Output);
    }

    [Fact]
    public async Task With_json_the_tokens_are_one_document_and_the_code_stands_beside_it()
    {
        var client = await AddClientAsync();
        var (visitor, _) = await mesh.VisitSignedInAsync();
        using var running = Start(null, client, "--web", "--json", "--scope", "account.read");
        await AllowAsync(visitor, await running.CodeAsync());

        var ended = await running.EndAsync();

        ended.AssertExited(0);
        var document = (ended with { Errors = "" }).Document();
        Assert.Equal("account.read openid profile", document.Member("scope"));
        Assert.Equal(200, (await mesh.Gateway.GetAsync("/account", document.Member("access_token"))).Status);
        (await authmesh.RunAsync("protected")).AssertFailed(
            1, "The scopes of this token do not allow this", "hint: a sign-in by a browser");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Without_a_registered_application_the_client_says_how_to_register_it(bool hasBrowser)
    {
        using var desktop = new FakeDesktop();
        var unknown = new RegisteredClient(Guid.Empty, "nobody-cli", null, "");

        using var running = Start(hasBrowser ? desktop.Environment : null, unknown, "--web");
        var ended = await running.EndAsync();

        ended.AssertFailed(
            4, "hint: an admin registers nobody-cli: authmesh applications create nobody-cli --kind native --first-party",
            "--grant urn:ietf:params:oauth:grant-type:device_code", "--redirect-uri http://127.0.0.1/callback", "--scope mesh");
        Assert.False(desktop.HasOpened);
    }

    public void Dispose() => authmesh.Dispose();

    private static async Task AllowAsync(Visitor visitor, string code)
    {
        var answer = await visitor.PostAsync("/device", ("user_code", code), ("decision", "allow"));
        Assert.True(answer.Status == 303, answer.ToString());
    }

    private RunningClient Start(IReadOnlyDictionary<string, string>? environment, RegisteredClient client, params string[] arguments) =>
        authmesh.Start(environment, ["login", .. arguments, "--client-id", client.ClientId, "--server", Server]);

    private async Task<RegisteredClient> AddClientAsync(string? redirectUri = null) => await mesh.Gateway.AddClientAsync(
        await mesh.AdminTokenAsync(), "native", new
        {
            grants = (string[])["authorization_code", "refresh_token", DeviceCalls.Grant],
            redirect_uris = (string[])[redirectUri ?? "http://127.0.0.1/callback"],
        });
}
