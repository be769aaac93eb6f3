using AuthMesh.Tests.Faults;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;
using AuthMesh.Tests.Throttling;
using Microsoft.AspNetCore.Http;

namespace AuthMesh.Tests.Client;

/// <summary>The client is one device: strangers cannot lock out a user who has signed in with it before.</summary>
[Collection<OnThrottledMesh>]
public sealed class DeviceCookieTests(ThrottledMesh mesh) : IDisposable
{
    private readonly Authmesh authmesh = new();
    private int logins;

    [Fact]
    public async Task The_device_cookie_is_sent_only_to_logins_of_its_user_and_server_and_survives_a_logout()
    {
        await using var server = new RecordingServer(AnswerAsync);
        await using var other = new RecordingServer(AnswerAsync);
        await server.StartAsync();
        await other.StartAsync();

        await LoginAsync(server, "alice");
        (await authmesh.RunAsync("logout", "--server", server.Origin)).AssertExited(0);
        await LoginAsync(server, "bob");
        await LoginAsync(other, "alice");
        await LoginAsync(server, "Alice");
        await LoginAsync(server, "alice");

        Assert.Equal(
            ["POST /login ", "POST /logout ", "POST /login ", "POST /login __Host-authmesh-device=d1",
                "POST /login __Host-authmesh-device=d4"], Seen(server));
        Assert.Equal(["POST /login "], Seen(other));
        Assert.DoesNotContain("a password", authmesh.Sessions, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_password_change_replaces_the_device_cookie_and_deleting_the_account_removes_it()
    {
        await using var server = new RecordingServer(AnswerAsync);
        await server.StartAsync();
        await LoginAsync(server, "alice");

        (await authmesh.PipeAsync("a password\nanother password\n", "password", "--password-stdin")).AssertExited(0);
        await LoginAsync(server, "alice");
        (await authmesh.PipeAsync("a password\n", "account", "delete", "--yes", "--password-stdin")).AssertExited(0);
        await LoginAsync(server, "alice");

        Assert.Equal(
            ["POST /login ", "POST /account/password ", "POST /login __Host-authmesh-device=d2", "DELETE /account ", "POST /login "],
            Seen(server));
    }

    [Theory]
    [InlineData("__Host-authmesh-device=")]
    [InlineData("__Host-authmesh-device=a\"b")]
    [InlineData("authmesh=session")]
    public async Task An_unusable_or_different_cookie_from_the_server_is_not_stored(string setCookie)
    {
        await using var server = new RecordingServer((_, response) =>
        {
            response.Headers.SetCookie = setCookie + "; Path=/";
            return response.SayAsync(200, """{"status":"success","message":"Welcome!","token":"t","expires_in":1800}""");
        });
        await server.StartAsync();

        await LoginAsync(server, "alice");
        await LoginAsync(server, "alice");

        Assert.Equal(["POST /login ", "POST /login "], Seen(server));
    }

    [Fact]
    public async Task A_known_user_can_sign_in_while_strangers_use_up_the_accounts_limit()
    {
        var server = mesh.Gateway.Address.GetLeftPart(UriPartial.Authority);
        var user = await mesh.SignUpAsync(ThrottledMesh.NewNetwork());
        (await LoginAsync(authmesh, server, user.Username)).AssertExited(0);
        await mesh.BurnAsync(user.Username);

        using var elsewhere = new Authmesh();
        (await LoginAsync(elsewhere, server, user.Username))
            .AssertFailed(3, "Too many attempts. Try again in ", " minutes", "hint: try again in ");
        (await LoginAsync(authmesh, server, user.Username)).AssertExited(0);

        static Task<Finished> LoginAsync(Authmesh client, string server, string name) =>
            client.PipeAsync(SessionCalls.Password + "\n", "login", name, "--password-stdin", "--server", server);
    }

    public void Dispose() => authmesh.Dispose();

    private static IEnumerable<string> Seen(RecordingServer server) =>
        server.Recorded.Select(request => $"{request.Line} {request.Cookie}");

    private async Task LoginAsync(RecordingServer server, string name)
    {
        var login = await authmesh.PipeAsync("a password\n", "login", name, "--password-stdin", "--server", server.Origin);
        Assert.Equal((0, ""), (login.ExitCode, login.Errors));
    }

    private Task AnswerAsync(RecordedRequest request, HttpResponse response)
    {
        if (request.Line is "POST /login" or "POST /account/password")
        {
            response.Headers.Append("Set-Cookie", "__Host-authmesh=session; Path=/; Secure");
            response.Headers.Append("Set-Cookie", $"__Host-authmesh-device=d{++logins}; Path=/; Secure");
        }

        return response.SayAsync(200, """{"status":"success","message":"Welcome!","token":"t","expires_in":1800}""");
    }
}
