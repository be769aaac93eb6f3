using System.Text.Json;
using AuthMesh.LocalMesh;
using AuthMesh.TestMesh;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Pages;
using Microsoft.Playwright;

namespace AuthMesh.Tests.OpenId.Clients;

/// <summary>
/// The sample of a single-page application: its program serves a page with npm's oidc-client-ts to a browser, at an origin of its own.
/// </summary>
[Collection<OnClientMesh>]
public sealed class OidcClientTsTests(ClientMesh mesh, Chromium chromium)
{
    [Fact]
    public async Task The_sample_with_oidc_client_ts_signs_a_person_in_and_out()
    {
        var origin = mesh.SinglePageOrigin;
        var registered = await mesh.RegisterAsync("spa", origin + "/callback", origin + "/signed-out");
        await using var sample = await ServeAsync(origin, registered);
        await using var client = new Client(await chromium.OpenAsync(origin), $"oidc.user:{mesh.Issuer}:{registered.Id}");

        await Story.TellAsync(mesh, registered, client);
        await client.AssertNoInlineScriptRunsAsync();
    }

    private async Task<ServiceProcess> ServeAsync(string origin, RegisteredClient registered)
    {
        var folder = Path.Combine(Checkout.Root, "samples/spa");
        Assert.True(
            Directory.Exists(Path.Combine(folder, "node_modules")),
            $"{folder}/node_modules is missing. tests/ensure-clients.sh installs it, or says what to install.");
        var sample = await ServiceProcess.StartAsync(
            "spa",
            new Dictionary<string, string>
            {
                ["urls"] = origin,
                ["contentRoot"] = folder,
                ["Logging:Console:FormatterName"] = "simple",
                ["Page:Issuer"] = mesh.Issuer,
                ["Page:ClientId"] = registered.Id,
            },
            program: Checkout.Dll("samples/spa", "spa"), start: WithinThisProcess.StartAsync);
        using var caller = new Caller(new Uri(origin));
        await Patience.UntilAsync(async () => (await caller.GetAsync("/settings")).Status == 200);
        return sample;
    }

    /// <param name="page">A window of the browser.</param>
    /// <param name="key">By which oidc-client-ts keeps the user in the session storage.</param>
    private sealed class Client(IPage page, string key) : IRelyingParty
    {
        public async Task<HeldTokens> SignInAsync()
        {
            await page.GotoAsync("/");
            await ExpectAsync("You are not signed in");
            await page.GetByRole(AriaRole.Button, new() { Name = "Sign in" }).ClickAsync();
            await page.GetByLabel("Username").FillAsync(ClientMesh.Username);
            await page.GetByLabel("Password").FillAsync(ClientMesh.Password);
            await page.Keyboard.PressAsync("Enter");
            await ExpectAsync($"Signed in as {ClientMesh.Username}");
            await Assertions.Expect(page.Locator("#answer")).ToHaveTextAsync(new System.Text.RegularExpressions.Regex("^200 "));
            return await HeldAsync();
        }

        public async Task<int> CallAsync()
        {
            if (await page.GetByRole(AriaRole.Button, new() { Name = "Sign in" }).IsVisibleAsync())
            {
                return 401; // the page does not call without a sign-in
            }

            await page.GetByRole(AriaRole.Button, new() { Name = "Read protected data" }).ClickAsync(); // clears the last answer at once
            var answer = await Patience.UntilAsync(() => page.Locator("#answer").InnerTextAsync(), text => text.Length > 0);
            return int.Parse(answer.Split(' ')[0], System.Globalization.CultureInfo.InvariantCulture);
        }

        public async Task<HeldTokens> RefreshAsync()
        {
            await page.EvaluateAsync("async () => { await (await import('/app.js')).users.signinSilent() }"); // otherwise near the expiry
            return await HeldAsync();
        }

        public async Task SignOutAsync()
        {
            await page.GetByRole(AriaRole.Button, new() { Name = "Sign out" }).ClickAsync();
            await ExpectAsync("You are not signed in"); // the provider does not ask: the application names its own session
        }

        /// <summary>The sample's Content-Security-Policy holds.</summary>
        public async Task AssertNoInlineScriptRunsAsync()
        {
            await page.EvaluateAsync(
                """
                () => {
                  const script = document.createElement('script')
                  script.textContent = 'window.ran = true'
                  document.head.append(script)
                }
                """);
            Assert.False(await page.EvaluateAsync<bool>("() => window.ran === true"));
        }

        public async ValueTask DisposeAsync() => await page.CloseAsync();

        private async Task<HeldTokens> HeldAsync()
        {
            var held = JsonElement.Parse(await page.EvaluateAsync<string>("key => sessionStorage.getItem(key)", key));
            var claims = JsonElement.Parse(TokenText.Payload(held.GetProperty("id_token").GetString()!).ToJsonString());
            return new HeldTokens(held.GetProperty("access_token").GetString()!, held.GetProperty("refresh_token").GetString()!, claims);
        }

        private Task ExpectAsync(string text) =>
            Assertions.Expect(page.GetByRole(AriaRole.Status)).ToHaveTextAsync(text, new() { Timeout = 60_000 });
    }
}
