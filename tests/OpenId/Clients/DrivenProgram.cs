using System.Diagnostics;
using System.Text.Json;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.OpenId.Clients;

/// <summary>
/// A program around a client library in another language. Its arguments are issuer, client id, secret, scope, redirect URI, and the address
/// after a sign-out. It reads commands, a line each, and answers each with a line of JSON:
/// <list type="table">
/// <item><term><c>sign-in</c></term><description><c>open</c>, the address that the person has to open</description></item>
/// <item><term><c>callback ADDRESS</c></term><description>the tokens, and in <c>id_token</c> the claims</description></item>
/// <item><term><c>call</c></term><description><c>status</c> of <c>GET /protected</c></description></item>
/// <item><term><c>refresh</c></term><description>as for <c>callback</c></description></item>
/// <item><term><c>sign-out</c></term><description><c>open</c>, or an empty object if no page takes part in it</description></item>
/// </list>
/// <c>error</c> tells what the library refused.
/// </summary>
internal sealed class DrivenProgram : IRelyingParty
{
    private static readonly TimeSpan LongestAnswer = TimeSpan.FromMinutes(1);

    private readonly Process process;
    private readonly Task<string> errors;
    private readonly SignInByForm browser;
    private readonly string redirectUri, afterSignOut;

    private DrivenProgram(Process process, SignInByForm browser, string redirectUri, string afterSignOut)
    {
        (this.process, this.browser, this.redirectUri, this.afterSignOut) = (process, browser, redirectUri, afterSignOut);
        errors = process.StandardError.ReadToEndAsync();
    }

    /// <param name="mesh">The provider.</param>
    /// <param name="command">The interpreter, and the name of a script in this folder.</param>
    /// <param name="scope">The scopes that it asks for.</param>
    /// <param name="environment">Variables for the interpreter.</param>
    public static async Task<(RegisteredClient Registered, DrivenProgram Client)> StartAsync(
        ClientMesh mesh, string[] command, string scope = ClientMesh.Scope, Dictionary<string, string>? environment = null)
    {
        // Nothing listens there: the test takes the address of the callback from the redirect.
        var origin = ClientMesh.FreeOrigin();
        var (redirectUri, afterSignOut) = (origin + "/callback", origin + "/signed-out");
        var registered = await mesh.RegisterAsync("web", redirectUri, afterSignOut);
        var process = Finished.Start(
            [.. command, mesh.Issuer, registered.Id, registered.Secret!, scope, redirectUri, afterSignOut], environment,
            Path.Combine(Checkout.Root, "tests/OpenId/Clients"));
        return (registered, new DrivenProgram(process, new SignInByForm(mesh.Issuer), redirectUri, afterSignOut));
    }

    public async Task<HeldTokens> SignInAsync()
    {
        var answer = await AskAsync("sign-in");
        var (callback, page) = await browser.OpenAsync(answer.GetProperty("open").GetString()!, until: redirectUri);
        Assert.True(page is null, $"The sign-in ends at {callback}: {page}");
        return HeldTokens.Read(await AskAsync($"callback {callback.AbsoluteUri}"));
    }

    public async Task<int> CallAsync() => (await AskAsync("call")).GetProperty("status").GetInt32();

    public async Task<HeldTokens> RefreshAsync() => HeldTokens.Read(await AskAsync("refresh"));

    public async Task SignOutAsync()
    {
        if ((await AskAsync("sign-out")).TryGetProperty("open", out var open))
        {
            var (end, page) = await browser.OpenAsync(open.GetString()!, until: afterSignOut);
            Assert.True(page is null, $"The sign-out ends at {end}: {page}");
        }
    }

    public async ValueTask DisposeAsync()
    {
        browser.Dispose();
        process.Kill(entireProcessTree: true);
        await process.WaitForExitAsync();
        process.Dispose();
    }

    private async Task<JsonElement> AskAsync(string command)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        deadline.CancelAfter(LongestAnswer);
        await process.StandardInput.WriteLineAsync(command.AsMemory(), deadline.Token);
        await process.StandardInput.FlushAsync(deadline.Token);
        if (await process.StandardOutput.ReadLineAsync(deadline.Token) is not { } line)
        {
            throw new InvalidOperationException($"The program ends at {command}: {await errors}");
        }

        var answer = JsonElement.Parse(line);
        Assert.False(answer.TryGetProperty("error", out _), $"{command} is answered {line}");
        return answer;
    }
}
