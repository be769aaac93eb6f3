using System.Text.Json;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Client;

/// <summary>The client renews its tokens by itself, and never loses a sign-in that the server would still accept.</summary>
public sealed class RenewalTests : IDisposable
{
    private readonly Authmesh authmesh = new();

    [Theory]
    [InlineData(-3600, true)]
    [InlineData(20, true)]
    [InlineData(120, false)]
    public async Task An_access_token_is_renewed_before_the_request_once_it_has_expired_or_is_about_to(int validFor, bool isRenewed)
    {
        var issuer = new StrictIssuer { TakesFirstToken = true };
        await using var server = await StartAsync(issuer, validFor);
        var before = TimeProvider.System.GetUtcNow();

        var shown = await authmesh.RunAsync("protected");

        Assert.Equal((0, "You are in\n", ""), (shown.ExitCode, shown.Output, shown.Errors));
        Assert.Equal(isRenewed ? ["POST /refresh", "GET /protected"] : ["GET /protected"], server.Requests);
        var session = authmesh.Session(server.Origin);
        var number = isRenewed ? 1 : 0;
        Assert.Equal(($"access-{number}", $"refresh-{number}"), (session.Member("token"), session.Member("refresh_token")));
        if (isRenewed)
        {
            var (access, refresh) =
                (session.GetProperty("expires_at").GetDateTimeOffset(), session.GetProperty("refresh_expires_at").GetDateTimeOffset());
            Assert.InRange(access, before.AddMinutes(30), TimeProvider.System.GetUtcNow().AddMinutes(30));
            Assert.Equal(TimeSpan.FromDays(14) - TimeSpan.FromMinutes(30), refresh - access);
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(authmesh.SessionFile));
            Assert.Null(server.Recorded[0].Authorization); // only the refresh token is sent
        }
    }

    [Fact]
    public async Task A_refused_access_token_is_renewed_and_the_request_repeated()
    {
        await using var server = await StartAsync(new StrictIssuer(), validFor: 1800);

        var shown = await authmesh.RunAsync("protected");

        Assert.Equal((0, "You are in\n"), (shown.ExitCode, shown.Output));
        Assert.Equal(["GET /protected", "POST /refresh", "GET /protected"], server.Requests);
        Assert.Equal("Bearer access-1", server.Recorded[2].Authorization);
        Assert.Equal("access-1", authmesh.Session(server.Origin).Member("token"));
    }

    [Fact]
    public async Task A_request_is_repeated_once_only()
    {
        await using var server = await StartAsync(new StrictIssuer { TakesFreshTokens = false }, validFor: 1800);

        (await authmesh.RunAsync("protected")).AssertFailed(4, "Invalid or expired token", "hint: sign in again: authmesh login somebody");

        Assert.Equal(["GET /protected", "POST /refresh", "GET /protected"], server.Requests);
    }

    [Fact]
    public async Task A_request_refused_for_another_reason_than_its_token_is_not_repeated()
    {
        await using var server = await StartAsync(
            (_, response) => response.RefuseAsync(403, "forbidden", "Admin access required"), validFor: 1800);

        (await authmesh.RunAsync("admin")).AssertFailed(1, "Admin access required");

        Assert.Equal(["GET /admin"], server.Requests);
    }

    [Fact]
    public async Task Concurrent_clients_use_a_refresh_token_once_and_all_continue()
    {
        // Answers the first refresh once a second one has arrived, which must not happen, or once a second one is long overdue.
        var second = new TaskCompletionSource();
        var refreshes = 0;
        var issuer = new StrictIssuer
        {
            BeforeRefresh = async () =>
            {
                if (Interlocked.Increment(ref refreshes) > 1)
                {
                    second.TrySetResult();
                }

                await Task.WhenAny(second.Task, Task.Delay(TimeSpan.FromSeconds(3)));
            },
        };
        await using var server = await StartAsync(issuer, validFor: -1);

        var clients = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => authmesh.RunAsync("protected")));

        Assert.All(clients, client => Assert.Equal((0, "You are in\n", ""), (client.ExitCode, client.Output, client.Errors)));
        Assert.Equal(1, refreshes);
        Assert.Equal("refresh-1", authmesh.Session(server.Origin).Member("refresh_token"));
    }

    [Fact]
    public async Task A_login_waits_for_the_lock_and_keeps_what_another_client_wrote()
    {
        await using var server = new RecordingServer((_, response) => response.SayAsync(200, StrictIssuer.TokensOf(7)));
        await server.StartAsync();
        Directory.CreateDirectory(authmesh.Folder);
        Task<Finished> login;
        await using (new FileStream(authmesh.LockFile, FileMode.Create, FileAccess.ReadWrite, FileShare.None))
        {
            login = authmesh.PipeAsync("a password\n", "login", "somebody", "--password-stdin", "--server", server.Origin);
            Assert.NotSame(login, await Task.WhenAny(login, Task.Delay(TimeSpan.FromSeconds(1), TestContext.Current.CancellationToken)));
            Assert.Empty(server.Requests); // the client does not request tokens that it cannot store yet
            authmesh.Keep(StrictIssuer.FileFor("http://another.example", validFor: 1800));
        }

        (await login).AssertExited(0);

        Assert.Equal("refresh-0", authmesh.Session("http://another.example").Member("refresh_token"));
        Assert.Equal("refresh-7", authmesh.Session(server.Origin).Member("refresh_token"));
    }

    [Fact]
    public async Task A_lock_that_is_not_released_fails_clearly_and_sends_nothing()
    {
        await using var server = await StartAsync(new StrictIssuer(), validFor: -1);
        var kept = authmesh.Sessions;
        await using (new FileStream(authmesh.LockFile, FileMode.Create, FileAccess.ReadWrite, FileShare.None))
        {
            (await authmesh.RunAsync("protected"))
                .AssertFailed(
                    2, $"Another authmesh has held {authmesh.LockFile} for 12 s", "hint: let it finish or end it, then try again");
        }

        Assert.Empty(server.Requests);
        Assert.Equal(kept, authmesh.Sessions);
        (await authmesh.RunAsync("protected")).AssertExited(0); // a lock file that nobody holds blocks nothing
    }

    [Fact]
    public async Task A_refresh_whose_answer_is_lost_is_retried_at_once()
    {
        var issuer = new StrictIssuer();
        issuer.InsteadOfRefresh = response =>
        {
            issuer.InsteadOfRefresh = null;
            response.HttpContext.Abort();
            return Task.CompletedTask;
        };
        await using var server = await StartAsync(issuer, validFor: -1);

        (await authmesh.RunAsync("protected")).AssertExited(0);

        Assert.Equal(["POST /refresh", "POST /refresh", "GET /protected"], server.Requests);
        Assert.Equal("""{"refresh_token":"refresh-0"}""", server.Recorded[1].Body);
    }

    [Theory]
    [InlineData(
        503, """{"status":"error","message":"PostgreSQL is away","code":"database_unavailable","traceId":"0"}""", 3, "PostgreSQL is away")]
    [InlineData(500, """{"status":"error","message":"A fault","code":"internal_error","traceId":"0"}""", 5, "A fault")]
    [InlineData(
        401, """{"status":"error","message":"Gone","code":"invalid_refresh_token","traceId":"0"}""", 4,
        "hint: sign in again: authmesh login somebody")]
    [InlineData(401, "<html>", 5, "is not an AuthMesh answer")]
    [InlineData(200, """{"status":"success","message":"Welcome!"}""", 5, "lacks what this command needs")]
    [InlineData(200, """{"status":"success","message":"Welcome!","token":"a\r\nb","expires_in":1}""", 5, "holds no usable token")]
    [InlineData(
        200, """{"status":"success","message":"Welcome!","token":"a","expires_in":1,"refresh_token":""}""", 5, "holds no usable token")]
    public async Task A_failed_refresh_leaves_the_session_unchanged(int status, string body, int exitCode, string said)
    {
        var issuer = new StrictIssuer { InsteadOfRefresh = response => response.SayAsync(status, body) };
        await using var server = await StartAsync(issuer, validFor: -1);
        var kept = authmesh.Sessions;

        (await authmesh.RunAsync("protected")).AssertFailed(exitCode, said);

        Assert.Equal(["POST /refresh"], server.Requests);
        Assert.Equal(kept, authmesh.Sessions);
        issuer.InsteadOfRefresh = null;
        (await authmesh.RunAsync("protected")).AssertExited(0);
    }

    [Fact]
    public async Task An_unreachable_server_leaves_the_session_unchanged()
    {
        string origin;
        await using (var server = await StartAsync(new StrictIssuer(), validFor: -1))
        {
            origin = server.Origin;
        }

        var kept = authmesh.Sessions;

        (await authmesh.RunAsync("protected")).AssertFailed(3, $"Cannot connect to {origin}");

        Assert.Equal(kept, authmesh.Sessions);
    }

    [Fact]
    public async Task A_refresh_does_not_follow_a_redirect()
    {
        await using var other = new RecordingServer();
        await other.StartAsync();
        await using var redirecting = RecordingServer.RedirectingTo(other);
        await redirecting.StartAsync();
        authmesh.Keep(StrictIssuer.FileFor(redirecting.Origin, validFor: -1));

        (await authmesh.RunAsync("protected")).AssertFailed(5, $"redirects to {other.Origin}/refresh");

        Assert.Empty(other.Requests);
    }

    [Fact]
    public async Task A_session_file_of_the_first_version_works_until_its_access_token_expires()
    {
        await using (var server = await StartAsync(new StrictIssuer { TakesFirstToken = true }, validFor: 1800, refreshToken: null))
        {
            (await authmesh.RunAsync("protected")).AssertExited(0);
        }

        await using (var server = await StartAsync(new StrictIssuer(), validFor: -1, refreshToken: null))
        {
            (await authmesh.RunAsync("protected"))
                .AssertFailed(
                    4, "Invalid or expired token", "the sign-in of somebody expired at", "hint: sign in again: authmesh login somebody");
            Assert.Equal(["GET /protected"], server.Requests);
        }

        Assert.False(File.Exists(authmesh.LockFile)); // nothing was written, so a read-only folder is enough
    }

    [Fact]
    public async Task A_command_does_not_continue_as_another_user_who_signed_in_meanwhile()
    {
        await using var server = await StartAsync(
            (_, response) =>
            {
                authmesh.Keep(authmesh.Sessions.Replace("somebody", "another", StringComparison.Ordinal));
                return response.RefuseAsync(401, "invalid_token", "Invalid or expired token");
            },
            validFor: 1800);

        (await authmesh.RunAsync("protected"))
            .AssertFailed(4, $"another has signed in at {server.Origin} since this command began for somebody");

        Assert.Equal(["GET /protected"], server.Requests);
        Assert.Equal("another", authmesh.Session(server.Origin).Member("username"));
    }

    [Fact]
    public async Task Whoami_shows_when_the_renewed_sign_in_ends()
    {
        await using var server = await StartAsync(new StrictIssuer(), validFor: -1);

        var who = await authmesh.RunAsync("whoami");

        Assert.Matches("\nexpires   [^\n]+ \\(in 14 days\\)\n$", who.Output);
        var document = (await authmesh.RunAsync("whoami", "--json")).Document();
        Assert.Equal(authmesh.Session(server.Origin).Member("refresh_expires_at"), document.Member("expires_at"));
    }

    public void Dispose() => authmesh.Dispose();

    private Task<RecordingServer> StartAsync(StrictIssuer issuer, int validFor, string? refreshToken = "refresh-0") =>
        StartAsync(issuer.AnswerAsync, validFor, refreshToken);

    private async Task<RecordingServer> StartAsync(
        Func<RecordedRequest, Microsoft.AspNetCore.Http.HttpResponse, Task> answer, int validFor, string? refreshToken = "refresh-0")
    {
        var server = new RecordingServer(answer);
        await server.StartAsync();
        authmesh.Keep(StrictIssuer.FileFor(server.Origin, validFor, refreshToken));
        return server;
    }
}
