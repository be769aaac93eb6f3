using System.Text.Json;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Pages;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Playwright;

namespace AuthMesh.Tests.OpenId.Clients;

/// <summary>A single-page application with npm's oidc-client-ts, in a browser and at an origin of its own.</summary>
[Collection<OnClientMesh>]
public sealed class OidcClientTsTests(ClientMesh mesh, Chromium chromium)
{
    [Fact]
    public async Task Oidc_client_ts_signs_a_person_in_and_out()
    {
        var origin = mesh.SinglePageOrigin;
        var registered = await mesh.RegisterAsync("spa", origin + "/callback", origin + "/signed-out");
        await using var app = await ServeAsync(origin, mesh.Issuer, registered);
        await using var client = new Client(await chromium.OpenAsync(origin));

        await Story.TellAsync(mesh, registered, client);
    }

    private static async Task<WebApplication> ServeAsync(string origin, string issuer, RegisteredClient registered)
    {
        var folder = Path.Combine(Checkout.Root, "tests/OpenId/Clients");
        var library = Path.Combine(folder, "node_modules/oidc-client-ts/dist/browser/oidc-client-ts.min.js");
        Assert.True(File.Exists(library), $"{library} is missing. tests/ensure-clients.sh installs it, or says what to install.");
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { ContentRootPath = Path.GetTempPath() });
        builder.Logging.SetMinimumLevel(LogLevel.Critical);
        builder.WebHost.UseUrls(origin);
        var app = builder.Build();
        foreach (var path in (string[])["/", "/callback", "/signed-out"])
        {
            app.MapGet(path, () => TypedResults.PhysicalFile(Path.Combine(folder, "single-page.html"), "text/html; charset=utf-8"));
        }

        app.MapGet("/oidc-client-ts.js", () => TypedResults.PhysicalFile(library, "text/javascript"));
        app.MapGet("/settings", () => new { issuer, client_id = registered.Id, scope = ClientMesh.Scope });
        await app.StartAsync(TestContext.Current.CancellationToken);
        return app;
    }

    private sealed class Client(IPage page) : IRelyingParty
    {
        public async Task<HeldTokens> SignInAsync()
        {
            await page.GotoAsync("/");
            await ExpectAsync("ready");
            await page.EvaluateAsync("() => { app.signIn() }");
            await page.GetByLabel("Username").FillAsync(ClientMesh.Username);
            await page.GetByLabel("Password").FillAsync(ClientMesh.Password);
            await page.Keyboard.PressAsync("Enter");
            await ExpectAsync($"signed in as {ClientMesh.Username}");
            return await HeldAsync();
        }

        public Task<int> CallAsync() => page.EvaluateAsync<int>("() => app.call()");

        public async Task<HeldTokens> RefreshAsync()
        {
            await page.EvaluateAsync("async () => { await app.refresh() }");
            return await HeldAsync();
        }

        public async Task SignOutAsync()
        {
            await page.EvaluateAsync("() => { app.signOut() }"); // the provider does not ask: the application names its own session
            await ExpectAsync("signed out");
        }

        public async ValueTask DisposeAsync() => await page.CloseAsync();

        private async Task<HeldTokens> HeldAsync() => HeldTokens.Read((await page.EvaluateAsync("() => app.held()"))!.Value);

        private Task ExpectAsync(string text) =>
            Assertions.Expect(page.GetByRole(AriaRole.Status)).ToHaveTextAsync(text, new() { Timeout = 60_000 });
    }
}
