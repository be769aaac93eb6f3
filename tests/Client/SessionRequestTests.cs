using AuthMesh.Tests.Harness;
using Microsoft.AspNetCore.Http;

namespace AuthMesh.Tests.Client;

/// <summary>What the session and account commands send, and what they keep after a failure or an unexpected answer.</summary>
public sealed class SessionRequestTests : IDisposable
{
    private const string Done = """{"status":"success","message":"Done"}""";
    private const string Elsewhere = "http://another.example";

    private readonly Authmesh authmesh = new();

    [Fact]
    public async Task A_logout_sends_both_tokens_and_forgets_this_server_only()
    {
        await using var server = await StartAsync((_, response) => response.SayAsync(200, Done), validFor: -1);

        var loggedOut = await authmesh.RunAsync("logout");

        Assert.Equal((0, "Done\n", ""), (loggedOut.ExitCode, loggedOut.Output, loggedOut.Errors));
        var request = Assert.Single(server.Recorded); // an expired access token is good enough for a logout
        Assert.Equal(
            ("POST /logout", "Bearer access-0", """{"refresh_token":"refresh-0"}"""), (request.Line, request.Authorization, request.Body));
        (await authmesh.RunAsync("protected")).AssertFailed(4, $"Not signed in at {server.Origin}"); // still the default server
        Assert.Equal("elsewhere", authmesh.Session(Elsewhere).Member("token"));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(authmesh.SessionFile));
    }

    [Fact]
    public async Task A_logout_without_a_refresh_token_sends_the_access_token()
    {
        await using var server = await StartAsync((_, response) => response.SayAsync(200, Done), validFor: 1800, refreshToken: null);

        (await authmesh.RunAsync("logout")).AssertExited(0);

        var request = Assert.Single(server.Recorded);
        Assert.Equal(("POST /logout", "Bearer access-0", ""), (request.Line, request.Authorization, request.Body));
    }

    [Fact]
    public async Task A_logout_that_the_server_does_not_confirm_keeps_the_session()
    {
        await using var server = await StartAsync(
            (_, response) => response.RefuseAsync(503, "database_unavailable", "PostgreSQL is away"), validFor: 1800);
        var kept = authmesh.Sessions;

        (await authmesh.RunAsync("logout"))
            .AssertFailed(3, "PostgreSQL is away", "you are still signed in", "authmesh logout --forget-only");
        await server.DisposeAsync();
        (await authmesh.RunAsync("logout")).AssertFailed(3, "Cannot connect", "you are still signed in", "authmesh logout --forget-only");

        Assert.Equal(kept, authmesh.Sessions);
    }

    [Fact]
    public async Task Forget_only_asks_no_server()
    {
        await using var server = await StartAsync((_, response) => response.SayAsync(200, Done), validFor: 1800);

        var forgotten = await authmesh.RunAsync("logout", "--forget-only");

        forgotten.AssertExited(0);
        Assert.StartsWith(
            $"Deleted the local tokens of somebody; the session at {server.Origin} goes on until ",
            forgotten.Output, StringComparison.Ordinal);
        Assert.Empty(server.Requests);
        (await authmesh.RunAsync("logout", "--forget-only")).AssertFailed(4, "Not signed in");
        authmesh.Keep(StrictIssuer.FileFor(server.Origin, validFor: 1800));
        Assert.Equal("success", (await authmesh.RunAsync("logout", "--forget-only", "--json")).Document().Member("status"));
    }

    [Fact]
    public async Task Sessions_are_a_table_in_which_control_characters_are_escaped()
    {
        const string answer = """
            {"status":"success","message":"2 sessions","sessions":[
            {"id":"01a206df-ff35-7aaa-8997-0d64bd7d5963","device":"authmesh on Linux","network":"192.0.2.7",
            "created_at":"2026-11-20T08:30:00Z","last_used_at":"2026-11-23T09:15:59Z","expires_at":"2026-12-07T09:15:59Z",
            "current":true},null,
            {"id":"01a206df-fd48-7e5c-bf0e-4b06949bffdd","device":"a\u001b[2Jb","network":null,
            "created_at":"2026-11-20T08:30:00Z","last_used_at":"2026-11-21T10:00:00Z","expires_at":"2026-12-05T10:00:00Z","current":false}]}
            """;
        await using var server = await StartAsync((_, response) => response.SayAsync(200, answer), validFor: 1800);

        var shown = await authmesh.RunAsync("sessions");

        static string Local(string moment) => DateTimeOffset.Parse(moment, null).ToLocalTime().ToString("yyyy-MM-dd HH:mm", null);
        var (created, usedNow, usedThen) = (Local("2026-11-20T08:30:00Z"), Local("2026-11-23T09:15:59Z"), Local("2026-11-21T10:00:00Z"));
        Assert.Equal(
            $$"""
                      device             network    signed in         last used         id
            this one  authmesh on Linux  192.0.2.7  {{created}}  {{usedNow}}  01a206df-ff35-7aaa-8997-0d64bd7d5963
                      a\u{1b}[2Jb        -          {{created}}  {{usedThen}}  01a206df-fd48-7e5c-bf0e-4b06949bffdd

            """,
            shown.Output);
        Assert.Equal(["GET /account/sessions"], server.Requests);
        var document = (await authmesh.RunAsync("sessions", "--json")).Document();
        Assert.Equal("2026-12-07T09:15:59Z", document.GetProperty("sessions")[0].Member("expires_at")); // as the server sent it
    }

    [Theory]
    [InlineData("sessions")]
    [InlineData("account")]
    public async Task An_answer_without_the_needed_members_is_unexpected(string command)
    {
        await using var server = await StartAsync((_, response) => response.SayAsync(200, Done), validFor: 1800);

        (await authmesh.RunAsync(command)).AssertFailed(5, "lacks what this command needs");
        (await authmesh.RunAsync(command, "--json")).AssertExited(5);
    }

    [Theory]
    [InlineData("end 01a206df-ff35-7aaa-8997-0d64bd7d5963", "DELETE /account/sessions/01a206df-ff35-7aaa-8997-0d64bd7d5963")]
    [InlineData("end 01A206DF-FF35-7AAA-8997-0D64BD7D5963", "DELETE /account/sessions/01a206df-ff35-7aaa-8997-0d64bd7d5963")]
    [InlineData("end --others", "DELETE /account/sessions")]
    public async Task Ending_a_session_sends_the_right_request(string arguments, string request)
    {
        await using var server = await StartAsync((_, response) => response.SayAsync(200, Done), validFor: 1800);

        (await authmesh.RunAsync(["sessions", .. arguments.Split(' ')])).AssertExited(0);

        Assert.Equal([request], server.Requests);
    }

    [Theory]
    [InlineData("")]
    [InlineData(".")]
    [InlineData("..")]
    [InlineData("../../users/7")]
    [InlineData("7")]
    [InlineData("01a206df-ff35-7aaa-8997-0d64bd7d5963/..")]
    [InlineData("01a206df-ff35-7aaa-8997-0d64bd7d5963?x")]
    [InlineData("{01a206df-ff35-7aaa-8997-0d64bd7d5963}")]
    public async Task A_text_that_is_not_an_id_is_refused_and_never_sent(string id)
    {
        await using var server = await StartAsync((_, response) => response.SayAsync(200, Done), validFor: 1800);

        (await authmesh.RunAsync("sessions", "end", id))
            .AssertFailed(2, $"'{id}' is not the id of a session", "hint: authmesh sessions shows them");

        Assert.Empty(server.Requests);
    }

    [Theory]
    [InlineData("end")]
    [InlineData("end 01a206df-ff35-7aaa-8997-0d64bd7d5963 --others")]
    public async Task Ending_sessions_needs_either_an_id_or_others(string arguments)
    {
        await using var server = await StartAsync((_, response) => response.SayAsync(200, Done), validFor: 1800);

        (await authmesh.RunAsync(["sessions", .. arguments.Split(' ')]))
            .AssertFailed(2, "Which session is to end?", "authmesh sessions end --others");

        Assert.Empty(server.Requests);
    }

    [Fact]
    public async Task A_password_change_stores_the_new_tokens()
    {
        await using var server = await StartAsync((_, response) => response.SayAsync(200, StrictIssuer.TokensOf(5)), validFor: 1800);

        var changed = await authmesh.PipeAsync("the old one \nthe new \"one\"\nanother line\n", "password", "--password-stdin");

        Assert.Equal((0, "Welcome somebody!\n", ""), (changed.ExitCode, changed.Output, changed.Errors));
        var request = Assert.Single(server.Recorded);
        Assert.Equal(("POST /account/password", "Bearer access-0"), (request.Line, request.Authorization));
        Assert.Equal("""{"current_password":"the old one ","new_password":"the new \u0022one\u0022"}""", request.Body);
        var session = authmesh.Session(server.Origin);
        Assert.Equal(
            ("somebody", "access-5", "refresh-5"), (session.Member("username"), session.Member("token"), session.Member("refresh_token")));
    }

    [Fact]
    public async Task A_password_change_and_an_account_deletion_renew_an_expired_access_token_first()
    {
        var issuer = new StrictIssuer();
        await using var server = await StartAsync(issuer.AnswerAsync, validFor: -1);

        (await authmesh.PipeAsync("old\nnew\n", "password", "--password-stdin")).AssertExited(5); // this issuer's answer holds no tokens
        (await authmesh.PipeAsync("new\n", "account", "delete", "--yes", "--password-stdin")).AssertExited(0);

        Assert.Equal(["POST /refresh", "POST /account/password", "DELETE /account"], server.Requests);
        Assert.All(server.Recorded.Skip(1), request => Assert.Equal("Bearer access-1", request.Authorization));
    }

    [Theory]
    [InlineData("", "first")]
    [InlineData("\nnew\n", "first")]
    [InlineData("old", "second")]
    [InlineData("old\n", "second")]
    [InlineData("old\n\nnew\n", "second")]
    public async Task Without_both_passwords_nothing_is_sent(string input, string missing)
    {
        await using var server = await StartAsync((_, response) => response.SayAsync(200, Done), validFor: 1800);

        (await authmesh.PipeAsync(input, "password", "--password-stdin")).AssertFailed(2, $"The {missing} line of standard input is empty");

        Assert.Empty(server.Requests);
    }

    [Fact]
    public async Task A_line_too_long_for_a_password_is_refused_and_named()
    {
        await using var server = await StartAsync((_, response) => response.SayAsync(200, StrictIssuer.TokensOf(5)), validFor: 1800);
        var (longest, tooLong) = (new string('p', 4095), new string('p', 4096));

        (await authmesh.PipeAsync($"{tooLong}\nnew\n", "password", "--password-stdin"))
            .AssertFailed(2, "The first line of standard input is too long");
        (await authmesh.PipeAsync($"old\n{tooLong}\n", "password", "--password-stdin"))
            .AssertFailed(2, "The second line of standard input is too long");
        Assert.Empty(server.Requests);
        (await authmesh.PipeAsync($"{longest}\n{longest}", "password", "--password-stdin")).AssertExited(0);
    }

    [Fact]
    public async Task Deleting_the_account_sends_the_password_and_forgets_the_session()
    {
        await using var server = await StartAsync((_, response) => response.SayAsync(200, Done), validFor: 1800);

        var deleted = await authmesh.PipeAsync("my password\n", "account", "delete", "--yes", "--password-stdin");

        Assert.Equal((0, "Done\n", ""), (deleted.ExitCode, deleted.Output, deleted.Errors));
        var request = Assert.Single(server.Recorded);
        Assert.Equal(
            ("DELETE /account", "Bearer access-0", """{"current_password":"my password"}"""),
            (request.Line, request.Authorization, request.Body));
        (await authmesh.RunAsync("account")).AssertFailed(4, $"Not signed in at {server.Origin}");
        Assert.Equal("elsewhere", authmesh.Session(Elsewhere).Member("token"));
    }

    [Fact]
    public async Task Without_a_terminal_an_account_is_deleted_only_with_yes()
    {
        await using var server = await StartAsync((_, response) => response.SayAsync(200, Done), validFor: 1800);

        (await authmesh.PipeAsync("my password\n", "account", "delete", "--password-stdin"))
            .AssertFailed(2, "the client cannot ask for confirmation", "hint: authmesh account delete --yes --password-stdin");

        Assert.Empty(server.Requests);
    }

    [Theory]
    [InlineData("password --password-stdin", "POST /account/password")]
    [InlineData("account delete --yes --password-stdin", "DELETE /account")]
    public async Task A_refused_command_leaves_the_stored_session_unchanged(string command, string request)
    {
        await using var server = await StartAsync(
            (_, response) => response.RefuseAsync(403, "wrong_password", "The current password is wrong"), validFor: 1800);
        var kept = authmesh.Sessions;

        (await authmesh.PipeAsync("old\nnew\n", command.Split(' ')))
            .AssertFailed(1, "The current password is wrong", "hint: nothing was changed; try again");

        Assert.Equal([request], server.Requests);
        Assert.Equal(kept, authmesh.Sessions);
    }

    [Theory]
    [InlineData("password", "authmesh password --password-stdin")]
    [InlineData("account delete", "authmesh account delete --yes --password-stdin")]
    public async Task Without_a_terminal_the_hint_says_how_to_pipe_the_passwords_in(string command, string hint)
    {
        (await authmesh.RunAsync([.. command.Split(' '), "--server", Elsewhere])).AssertFailed(4, "Not signed in"); // before any question
        authmesh.Keep(StrictIssuer.FileFor(Elsewhere, validFor: 1800));

        (await authmesh.RunAsync(command.Split(' ')))
            .AssertFailed(2, "Cannot ask for the password without a terminal", $"hint: pipe it in: {hint}");
    }

    public void Dispose() => authmesh.Dispose();

    private async Task<RecordingServer> StartAsync(
        Func<RecordedRequest, HttpResponse, Task> answer, int validFor, string? refreshToken = "refresh-0")
    {
        var server = new RecordingServer(answer);
        await server.StartAsync();
        const string another =
            $$"""{"servers":{"{{Elsewhere}}":{"username":"me","token":"elsewhere","expires_at":"2100-01-01T00:00:00Z"},""";
        authmesh.Keep(
            StrictIssuer.FileFor(server.Origin, validFor, refreshToken).Replace("""{"servers":{""", another, StringComparison.Ordinal));
        return server;
    }
}
