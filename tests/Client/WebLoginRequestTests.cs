using System.Collections.Concurrent;
using AuthMesh.Tests.Harness;
using Microsoft.AspNetCore.Http;

namespace AuthMesh.Tests.Client;

/// <summary>What a sign-in by a browser sends, and what it makes of odd servers.</summary>
public sealed class WebLoginRequestTests : IDisposable
{
    private const string Tokens =
        """
        {"access_token":"access-1","token_type":"Bearer","expires_in":1800,"scope":"openid","refresh_token":"refresh-1",
        "refresh_expires_in":1209600}
        """;

    private readonly Authmesh authmesh = new();

    [Fact]
    public async Task A_device_asks_no_sooner_than_it_was_told_and_five_seconds_later_after_a_slow_down()
    {
        var times = new ConcurrentQueue<long>();
        await using var server = await StartAsync(new OddServer
        {
            Answers = [Error("slow_down"), Tokens], OnAsk = () => times.Enqueue(TimeProvider.System.GetTimestamp()),
        });
        var begunAt = TimeProvider.System.GetTimestamp();

        (await LoginAsync(server)).AssertExited(0);

        var (first, second) = (times.First(), times.Last());
        Assert.InRange(TimeProvider.System.GetElapsedTime(begunAt, first).TotalSeconds, 1, 60);
        Assert.InRange(TimeProvider.System.GetElapsedTime(first, second).TotalSeconds, 6, 60);
        Assert.Equal(
            ["POST /device_authorization", "POST /token", "POST /token", "GET /userinfo"], server.Requests);
        Assert.Equal(
            [
                "scope=openid%20profile%20mesh%20offline_access%20account.read&client_id=authmesh-cli",
                "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code&device_code=d-1&client_id=authmesh-cli",
            ],
            server.Recorded.Take(2).Select(request => request.Body));
        Assert.Equal("Bearer access-1", server.Recorded[3].Authorization);
        var session = authmesh.Session(server.Origin);
        Assert.Equal(("somebody", "authmesh-cli"), (session.Member("username"), session.Member("client_id")));
    }

    [Fact]
    public async Task A_server_that_is_away_for_a_moment_ends_nothing()
    {
        await using var server = await StartAsync(new OddServer { Answers = ["", Tokens] }); // the first one closes the connection

        (await LoginAsync(server)).AssertExited(0);

        Assert.Equal(2, server.Requests.Count(line => line == "POST /token"));
    }

    [Theory]
    [InlineData("access_denied", 1, "You refused the sign-in in the browser")]
    [InlineData("expired_token", 4, "Nobody allowed the sign-in in time")]
    [InlineData("invalid_grant", 1, "for a test")]
    public async Task A_final_refusal_ends_the_wait(string error, int exitCode, string said)
    {
        await using var server = await StartAsync(new OddServer { Answers = [Error(error)] });

        var ended = await LoginAsync(server);

        ended.AssertExited(exitCode);
        Assert.Contains(said, ended.Errors, StringComparison.Ordinal);
        Assert.False(File.Exists(authmesh.SessionFile));
    }

    [Fact]
    public async Task The_client_stops_asking_when_the_code_expires()
    {
        await using var server = await StartAsync(new OddServer { Answers = [Error("authorization_pending")], ExpiresIn = 1 });

        var ended = await LoginAsync(server);

        ended.AssertExited(4);
        Assert.Contains("Nobody allowed the sign-in in time", ended.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ctrl_C_ends_the_wait_and_keeps_an_earlier_session()
    {
        await using var server = await StartAsync(new OddServer { Answers = [Error("authorization_pending")] });
        authmesh.Keep(StrictIssuer.FileFor(server.Origin, validFor: 1800));
        var kept = authmesh.Sessions;
        using var running = authmesh.Start(null, "login", "--web", "--server", server.Origin);
        await running.CodeAsync();

        await running.InterruptAsync();

        var ended = await running.EndAsync();
        Assert.Equal((130, ""), (ended.ExitCode, ended.Output));
        Assert.Equal(kept, authmesh.Sessions);
    }

    [Theory]
    [InlineData("file:///etc/passwd")]
    [InlineData("javascript:alert(1)")]
    [InlineData("--help")]
    [InlineData("")]
    public async Task An_address_that_no_browser_should_open_is_refused(string address)
    {
        using var desktop = new FakeDesktop();
        await using var server = await StartAsync(new OddServer { Answers = [Tokens], VerificationUri = address });
        foreach (var flow in (string[])["--web", "--device"])
        {
            using var running = authmesh.Start(desktop.Environment, "login", flow, "--server", server.Origin);

            var ended = await running.EndAsync();

            ended.AssertExited(5);
            Assert.Contains("names no web address", ended.Errors, StringComparison.Ordinal);
        }

        Assert.False(desktop.HasOpened);
    }

    [Theory]
    [InlineData("https://elsewhere.example")]
    [InlineData(null)]
    public async Task A_code_of_another_server_is_not_redeemed(string? issuer)
    {
        using var desktop = new FakeDesktop();
        await using var server = await StartAsync(new OddServer { Answers = [Tokens] });
        using var running = authmesh.Start(desktop.Environment, "login", "--web", "--server", server.Origin);
        await desktop.OpenedAsync(running);
        var pushed = server.Recorded.Single(request => request.Line == "POST /par").Body.Split('&').Select(pair => pair.Split('='))
            .ToDictionary(pair => pair[0], pair => Uri.UnescapeDataString(pair[1]));
        Assert.Equal(("S256", "code"), (pushed["code_challenge_method"], pushed["response_type"]));
        var back = new Uri(pushed["redirect_uri"]);
        using var listener = new Caller(new Uri(back.GetLeftPart(UriPartial.Authority)));

        var said = issuer is null ? "" : $"&iss={Uri.EscapeDataString(issuer)}";
        await listener.GetAsync($"/callback?code=c&state={pushed["state"]}{said}");

        (await running.EndAsync()).AssertExited(5);
        Assert.DoesNotContain("POST /token", server.Requests);
    }

    [Fact]
    public async Task Tokens_of_an_application_are_renewed_and_ended_where_applications_do_it()
    {
        await using var server = await StartAsync(new OddServer { Answers = [Tokens] });
        authmesh.Keep(ApplicationFile(server.Origin));

        (await authmesh.RunAsync("protected")).AssertExited(0);
        Assert.Equal(["POST /token", "GET /protected"], server.Requests);
        Assert.Equal("grant_type=refresh_token&refresh_token=refresh-0&client_id=a-cli", server.Recorded[0].Body);
        var session = authmesh.Session(server.Origin);
        Assert.Equal(("refresh-1", "a-cli"), (session.Member("refresh_token"), session.Member("client_id")));

        Assert.Equal("Logged out successfully\n", (await authmesh.RunAsync("logout")).Output);
        Assert.Equal(("POST /revoke", "token=refresh-1&client_id=a-cli"), (server.Recorded[2].Line, server.Recorded[2].Body));
        (await authmesh.RunAsync("protected")).AssertFailed(4, "Not signed in");
    }

    [Fact]
    public async Task A_logout_that_the_server_does_not_confirm_keeps_the_session()
    {
        await using var server = new RecordingServer(
            (_, response) => response.RefuseAsync(503, "database_unavailable", "PostgreSQL is away"));
        await server.StartAsync();
        authmesh.Keep(ApplicationFile(server.Origin));
        var kept = authmesh.Sessions;

        (await authmesh.RunAsync("logout")).AssertFailed(3, "PostgreSQL is away", "you are still signed in", "--forget-only");

        Assert.Equal(kept, authmesh.Sessions);
    }

    [Theory]
    [InlineData("--web", "somebody")]
    [InlineData("--device", "--password-stdin")]
    [InlineData("--web", "--code", "123456")]
    [InlineData("--web", "--trust-device")]
    [InlineData("somebody", "--no-browser")]
    [InlineData("somebody", "--scope", "mesh")]
    [InlineData("somebody", "--client-id", "authmesh-cli")]
    public async Task Options_of_the_two_ways_do_not_mix(params string[] arguments)
    {
        await using var server = await StartAsync(new OddServer { Answers = [Tokens] });

        (await authmesh.RunAsync(["login", .. arguments, "--server", server.Origin])).AssertFailed(2, "hint: authmesh login --help");

        Assert.Empty(server.Requests);
    }

    public void Dispose() => authmesh.Dispose();

    private static string Error(string code) =>
        $$"""{"status":"error","message":"for a test","code":"{{code}}","traceId":"0","error":"{{code}}","error_description":"a test"}""";

    private static string ApplicationFile(string server) => StrictIssuer.FileFor(server, validFor: -1)
        .Replace("\"username\"", "\"client_id\":\"a-cli\",\"username\"", StringComparison.Ordinal);

    private static async Task<RecordingServer> StartAsync(OddServer odd)
    {
        var server = new RecordingServer(odd.AnswerAsync);
        await server.StartAsync();
        return server;
    }

    private async Task<Finished> LoginAsync(RecordingServer server)
    {
        using var running = authmesh.Start(null, "login", "--web", "--server", server.Origin);
        return await running.EndAsync();
    }

    /// <summary>A server that answers questions about the device one after the other, and the last one again and again.</summary>
    private sealed class OddServer
    {
        private int asked = -1;

        public required string[] Answers { get; init; }

        public Action OnAsk { get; init; } = () => { };

        public int ExpiresIn { get; init; } = 600;

        public string? VerificationUri { get; init; }

        public Task AnswerAsync(RecordedRequest request, HttpResponse response)
        {
            var origin = $"http://{response.HttpContext.Request.Host}";
            switch (request.Line)
            {
                case "GET /.well-known/openid-configuration":
                    return response.SayAsync(
                        200,
                        $$"""
                        {"issuer":"{{origin}}","authorization_endpoint":"{{VerificationUri ?? origin + "/authorize"}}",
                        "pushed_authorization_request_endpoint":"{{origin}}/par"}
                        """);
                case "POST /par":
                    return response.SayAsync(201, """{"request_uri":"urn:x","expires_in":60}""");
                case "POST /device_authorization":
                    return response.SayAsync(
                        200,
                        $$"""
                        {"device_code":"d-1","user_code":"WDJB-MJHT","verification_uri":"{{VerificationUri ?? origin + "/device"}}",
                        "expires_in":{{ExpiresIn}},"interval":1}
                        """);
                case "POST /token":
                    OnAsk();
                    var answer = Answers[Math.Min(Interlocked.Increment(ref asked), Answers.Length - 1)];
                    if (answer is "")
                    {
                        response.HttpContext.Abort();
                        return Task.CompletedTask;
                    }

                    return response.SayAsync(answer == Tokens ? 200 : 400, answer);
                case "GET /userinfo":
                    return response.SayAsync(200, """{"sub":"1","preferred_username":"somebody"}""");
                case "POST /revoke":
                    return Task.CompletedTask;
                default:
                    return response.SayAsync(200, """{"status":"success","message":"You are in","role":"user"}""");
            }
        }
    }
}
