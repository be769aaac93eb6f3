using AuthMesh.Tests.Harness;
using Microsoft.Playwright;

namespace AuthMesh.Tests.Pages;

/// <summary>Passkeys in a real browser, with a virtual authenticator.</summary>
[Collection<OnPages>]
public sealed class PasskeyTests(PagesMesh mesh, Chromium chromium)
{
    [Fact]
    public async Task A_passkey_is_added_signs_in_and_is_removed()
    {
        var page = await chromium.OpenAsync(mesh);
        await page.SignUpWithPasskeyAsync(mesh);
        await Assertions.Expect(page.GetByRole(AriaRole.Heading, new() { Name = "My laptop" })).ToBeVisibleAsync();

        // 1. The browser offers it in the name field. The virtual authenticator's owner takes the offer at once.
        await page.GetByRole(AriaRole.Button, new() { Name = "Sign out" }).ClickAsync();
        await page.WaitForURLAsync("**/me");

        // 2. A passkey is two factors, so its owner may go on without another proof.
        await page.GotoAsync("/me/security/passkeys");
        await page.GetByText("Rename").ClickAsync();
        await page.GetByLabel("Name", new() { Exact = true }).First.FillAsync("Old laptop");
        await page.GetByRole(AriaRole.Button, new() { Name = "Save" }).ClickAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Remove the passkey Old laptop" }).ClickAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Status)).ToHaveTextAsync("The passkey is removed.");
        await Assertions.Expect(page.Locator(".rows")).ToHaveCountAsync(0);
    }

    [Fact]
    public async Task A_passkey_is_the_second_step_after_a_password()
    {
        var page = await chromium.OpenAsync(mesh);
        await PageStates.GoAsync("second-factor-passkey", mesh, page);

        await page.GetByRole(AriaRole.Button, new() { Name = "Use a passkey" }).ClickAsync();
        await page.WaitForURLAsync("**/me");
    }

    [Fact]
    public async Task A_passkey_confirms_that_it_is_still_the_same_person()
    {
        var page = await chromium.OpenAsync(mesh);
        var name = await page.SignUpWithPasskeyAsync(mesh);
        await mesh.Database.ExecuteAsync(
            "UPDATE sessions SET methods = '{\"pwd\": 1}' FROM users u WHERE u.id = user_id AND u.username = $1", name);

        await page.GotoAsync("/confirm?return=/me/email");
        await page.GetByRole(AriaRole.Button, new() { Name = "Confirm with a passkey" }).ClickAsync();

        await page.WaitForURLAsync("**/me/email");
    }

    [Fact]
    public async Task An_account_without_a_password_confirms_with_its_passkey_alone()
    {
        var page = await chromium.OpenAsync(mesh);
        var name = await page.SignUpWithPasskeyAsync(mesh);
        await page.GotoAsync("/me/security/password");
        await page.GetByRole(AriaRole.Button, new() { Name = "Remove my password" }).ClickAsync();
        await Assertions.Expect(page.Locator(".codes li")).ToHaveCountAsync(10); // which prove nothing without a password
        await mesh.Database.ExecuteAsync(
            "UPDATE sessions SET methods = '{\"pwd\": 1}' FROM users u WHERE u.id = user_id AND u.username = $1", name);

        await page.GotoAsync("/confirm?return=/me/email&use=recovery-code");
        await Assertions.Expect(page.GetByText("please confirm it with your passkey")).ToBeVisibleAsync();
        await Assertions.Expect(page.Locator("form")).ToHaveCountAsync(0);
        await page.GetByRole(AriaRole.Button, new() { Name = "Confirm with a passkey" }).ClickAsync();

        await page.WaitForURLAsync("**/me/email");
    }

    [Fact]
    public async Task Where_a_passkey_must_follow_the_password_the_password_is_asked_for_only_with_a_recovery_code()
    {
        var page = await chromium.OpenAsync(mesh);
        await page.SignUpWithPasskeyAsync(mesh);
        await page.GetByRole(AriaRole.Button, new() { Name = "Ask for a passkey after my password" }).ClickAsync();
        var code = await page.Locator(".codes li").First.TextContentAsync();

        await page.GotoAsync("/confirm?return=/me/email");
        await Assertions.Expect(page.Locator("form")).ToHaveCountAsync(0);
        await page.GetByRole(AriaRole.Link, new() { Name = "Use a recovery code" }).ClickAsync();
        await page.GetByRole(AriaRole.Link, new() { Name = "Use a passkey" }).ClickAsync();
        await page.GetByRole(AriaRole.Link, new() { Name = "Use a recovery code" }).ClickAsync();
        await page.GetByLabel("Password").FillAsync(PagesMesh.Password);
        await page.SendAsync(("Recovery code", code!));

        await page.WaitForURLAsync("**/me/email");
    }

    [Theory]
    [InlineData("navigator.credentials.get", "new DOMException('', 'NotSupportedError')")]
    [InlineData("window.fetch", "new TypeError()")]
    public async Task A_browser_that_cannot_offer_a_passkey_says_so_only_when_asked(string function, string error)
    {
        var page = await chromium.OpenAsync(mesh);
        await page.AddInitScriptAsync(
            $$"""
            PublicKeyCredential.isConditionalMediationAvailable = () => Promise.resolve(true);
            {{function}} = () => { window.hasTried = true; return Promise.reject({{error}}); };
            """);
        await page.GotoAsync("/signin");
        await page.WaitForFunctionAsync("window.hasTried");
        await Assertions.Expect(page.Locator("#passkey-message")).ToBeHiddenAsync();

        await page.GetByRole(AriaRole.Button, new() { Name = "Sign in with a passkey" }).ClickAsync();

        await Assertions.Expect(page.Locator("#passkey-message")).ToHaveTextAsync("That did not work. Please try again.");
    }

    [Fact]
    public async Task Without_scripts_the_page_says_that_passkeys_need_them()
    {
        var page = await chromium.OpenAsync(mesh, options => options.JavaScriptEnabled = false);
        var (visitor, _) = await mesh.SignUpAsync();
        await page.TakeCookiesAsync(mesh, visitor);
        await page.GotoAsync("/me/security/passkeys");

        await Assertions.Expect(page.GetByText("Adding one needs JavaScript")).ToBeVisibleAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Button, new() { Name = "Add a passkey" })).ToBeHiddenAsync();
    }
}
