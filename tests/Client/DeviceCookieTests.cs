using AuthMesh.Tests.Faults;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;
using AuthMesh.Tests.Throttling;
using Microsoft.AspNetCore.Http;

namespace AuthMesh.Tests.Client;

/// <summary>The client is one device: who signed in with it before is not locked out by strangers.</summary>
[Collection<OnThrottledMesh>]
public sealed class DeviceCookieTests(ThrottledMesh mesh) : IDisposable
{
    private readonly Authmesh authmesh = new();
    private int logins;

    [Fact]
    public async Task It_goes_to_the_login_of_the_user_and_server_that_it_is_from_and_outlives_a_logout()
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
    public async Task A_new_password_replaces_it_and_a_deleted_account_takes_it_along()
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
    public async Task What_a_server_sets_that_could_not_be_sent_or_is_another_cookie_is_not_kept(string setCookie)
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
    public async Task Who_signed_in_here_before_signs_in_while_strangers_burn_the_account()
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
