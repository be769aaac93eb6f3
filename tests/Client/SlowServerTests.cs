using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Client;

/// <summary>How long the client waits for a server that does not answer at once.</summary>
public sealed class SlowServerTests : IDisposable
{
    private readonly Authmesh authmesh = new();

    [Fact]
    public async Task A_login_waits_longer_than_any_other_request()
    {
        await using var server = new RecordingServer(async (_, response) =>
        {
            await Task.Delay(TimeSpan.FromSeconds(12), response.HttpContext.RequestAborted); // longer than any other request may take
            await response.SayAsync(200, StrictIssuer.TokensOf(0));
        });
        await server.StartAsync();

        (await authmesh.PipeAsync("a password\n", "login", "somebody", "--password-stdin", "--server", server.Origin)).AssertExited(0);
    }

    [Fact]
    public async Task A_request_without_a_password_fails_after_ten_seconds()
    {
        await using var server = new RecordingServer((_, response) => Task.Delay(Timeout.Infinite, response.HttpContext.RequestAborted));
        await server.StartAsync();
        authmesh.Keep(StrictIssuer.FileFor(server.Origin, validFor: 1800));

        (await authmesh.RunAsync("protected"))
            .AssertFailed(3, $"No answer from {server.Origin} within 10 s", "hint: the server may be overloaded or starting; try again");
    }

    public void Dispose() => authmesh.Dispose();
}
