using AuthMesh.Tests.Harness;
using Microsoft.Playwright;

namespace AuthMesh.Tests.Pages;

/// <summary>Codes at the sign-in and before changes, in a browser without scripts.</summary>
[Collection<OnPages>]
public sealed class SecondFactorTests(PagesMesh mesh, Chromium chromium)
{
    [Fact]
    public async Task An_app_is_set_up_by_its_QR_code_and_a_recovery_code_signs_in()
    {
        var page = await chromium.OpenAsync(mesh, options => options.JavaScriptEnabled = false);
        var (name, secret) = await page.SignUpWithTotpAsync(mesh, isWithCodes: true);

        // 1. The codes are shown once, and the browser saves them as a file.
        var codes = await page.Locator(".codes li").AllTextContentsAsync();
        Assert.Equal(10, codes.Count);
        var download = await page.RunAndWaitForDownloadAsync(
            () => page.GetByRole(AriaRole.Link, new() { Name = "Download" }).ClickAsync());
        Assert.Equal("recovery-codes.txt", download.SuggestedFilename);
        var file = await File.ReadAllTextAsync(await download.PathAsync(), TestContext.Current.CancellationToken);
        Assert.All(codes, code => Assert.Contains(code, file, StringComparison.Ordinal));

        // 2. The password is not enough, and a reload forgets nothing.
        await page.GetByRole(AriaRole.Link, new() { Name = "Done" }).ClickAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Sign out" }).ClickAsync();
        await page.GotoAsync("/me/sessions");
        await page.SignInAtThisPageAsync(name);
        await Assertions.Expect(page.GetByRole(AriaRole.Heading, new() { Name = "One more step" })).ToBeVisibleAsync();
        await page.SendAsync(("Code", "000000"));
        await Assertions.Expect(page.GetByText("That code is wrong, or was used before.")).ToBeVisibleAsync();
        await page.GetByRole(AriaRole.Link, new() { Name = "Use a recovery code" }).ClickAsync();
        await page.ReloadAsync();
        await page.GetByLabel("Trust this device").CheckAsync();
        await page.SendAsync(("Recovery code", codes[0].ToUpperInvariant()));
        await Assertions.Expect(page).ToHaveURLAsync(mesh.Origin + "/me/sessions");

        // 3. The device is trusted now, until its owner says otherwise.
        await page.SignOutAndInAsync(name);
        await Assertions.Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Hello" })).ToBeVisibleAsync();
        await page.GotoAsync("/me/security");
        await page.GetByRole(AriaRole.Button, new() { Name = "Forget all" }).ClickAsync();
        await mesh.Database.ExecuteAsync(
            "UPDATE totp_secrets SET last_step = 0 FROM users u WHERE u.id = user_id AND u.username = $1", name); // the code is good again
        await page.GetByLabel("Code").FillAsync(PageStates.CodeNow(secret)); // trusted is not proved
        await page.SendAsync(("Password", PagesMesh.Password));
        await page.GetByRole(AriaRole.Button, new() { Name = "Forget all" }).ClickAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Status)).ToBeVisibleAsync();
        await page.SignOutAndInAsync(name);
        await Assertions.Expect(page.GetByRole(AriaRole.Heading, new() { Name = "One more step" })).ToBeVisibleAsync();
    }

    [Fact]
    public async Task A_change_of_an_account_with_two_steps_asks_for_both_again_and_leads_back()
    {
        var page = await chromium.OpenAsync(mesh, options => options.JavaScriptEnabled = false);
        var (name, secret) = await page.SignUpWithTotpAsync(mesh);
        await mesh.Database.ExecuteAsync(
            "UPDATE sessions SET methods = '{\"pwd\": 1, \"otp\": 1}' FROM users u WHERE u.id = user_id AND u.username = $1", name);
        await mesh.Database.ExecuteAsync(
            "UPDATE totp_secrets SET last_step = 0 FROM users u WHERE u.id = user_id AND u.username = $1", name); // the code is good again

        await page.GotoAsync("/me/security/recovery-codes");
        await Assertions.Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Confirm it’s you" })).ToBeVisibleAsync();
        await page.GetByLabel("Code").FillAsync("000000");
        await page.SendAsync(("Password", PagesMesh.Password));
        await Assertions.Expect(page.GetByLabel("Password")).ToHaveCountAsync(0); // it was right
        await page.SendAsync(("Code", PageStates.CodeNow(secret)));
        await Assertions.Expect(page).ToHaveURLAsync(mesh.Origin + "/me/security/recovery-codes");

        await page.GetByRole(AriaRole.Button, new() { Name = "Make new codes" }).ClickAsync();
        await Assertions.Expect(page.Locator(".codes li")).ToHaveCountAsync(10);
        await page.GotoAsync("/me/security/authenticator");
        await page.GetByRole(AriaRole.Button, new() { Name = "Remove the app" }).ClickAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Status)).ToHaveTextAsync("Your authenticator app is removed.");
    }

    [Fact]
    public async Task An_app_that_too_many_wrong_codes_blocked_is_named_and_a_recovery_code_takes_its_place()
    {
        const string Blocked = "Too many wrong codes. Use a recovery code or a passkey, or reset your password.";
        var page = await chromium.OpenAsync(mesh, options => options.JavaScriptEnabled = false);
        var (name, _) = await page.SignUpWithTotpAsync(mesh, isWithCodes: true);
        var codes = await page.Locator(".codes li").AllTextContentsAsync();
        var alert = page.GetByRole(AriaRole.Alert);

        // 1. Before a change.
        await mesh.BlockTotpAsync(name);
        await page.GotoAsync("/confirm?return=/me/email");
        await Assertions.Expect(alert).ToHaveTextAsync(Blocked);
        await page.GetByLabel("Password").FillAsync(PagesMesh.Password);
        await page.SendAsync(("Recovery code", codes[0]));
        await Assertions.Expect(page).ToHaveURLAsync(mesh.Origin + "/me/email");

        // 2. At the sign-in, where the last wrong code blocks it.
        await mesh.BlockTotpAsync(name, 49);
        await page.GetByRole(AriaRole.Button, new() { Name = "Sign out" }).ClickAsync();
        await page.SignInAtThisPageAsync(name);
        await page.SendAsync(("Code", "000000"));
        await Assertions.Expect(alert).ToHaveTextAsync("That code is wrong, or was used before. " + Blocked);
        await page.GotoAsync("/signin/second-factor");
        await Assertions.Expect(alert).ToHaveTextAsync(Blocked);
        await page.SendAsync(("Recovery code", codes[1]));
        await Assertions.Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Hello" })).ToBeVisibleAsync();

        // 3. A reset says what else the account has.
        await page.GotoAsync(await mesh.LinkAsync("/reset", "PasswordReset", name));
        await Assertions.Expect(page.GetByText("an authenticator app, and asks for its code after the password.")).ToBeVisibleAsync();
        await Assertions.Expect(page.GetByText("Recovery codes that are left: 8.")).ToBeVisibleAsync();
        await page.GotoAsync("/me");

        // 4. Without codes and passkeys only the sentence is left.
        await mesh.BlockTotpAsync(name);
        await mesh.Database.ExecuteAsync("DELETE FROM recovery_codes USING users u WHERE u.id = user_id AND u.username = $1", name);
        await page.SignOutAndInAsync(name);
        await Assertions.Expect(alert).ToHaveTextAsync(Blocked);
        await Assertions.Expect(page.Locator("form")).ToHaveCountAsync(0);
    }

    [Fact]
    public async Task Nobody_continues_the_sign_in_of_another_browser()
    {
        var page = await chromium.OpenAsync(mesh);
        await PageStates.GoAsync("second-factor", mesh, page);

        var elsewhere = await mesh.Visit().GetAsync("/signin/second-factor?return=/me/security");
        var sent = await mesh.Visit().PostAsync("/signin/second-factor", ("code", "123456"), ("use", ""), ("return", "/me"));

        Assert.Equal(
            (303, "/signin?return=%2Fme%2Fsecurity&done=sign-in-expired"), (elsewhere.Status, elsewhere.Header("Location")));
        Assert.Equal((303, "/signin?return=%2Fme&done=sign-in-expired"), (sent.Status, sent.Header("Location")));
    }
}

internal static class SignInSteps
{
    public static async Task SignInAtThisPageAsync(this IPage page, string name)
    {
        await page.GetByLabel("Username").FillAsync(name);
        await page.SendAsync(("Password", PagesMesh.Password));
    }

    public static async Task SignOutAndInAsync(this IPage page, string name)
    {
        await page.GetByRole(AriaRole.Button, new() { Name = "Sign out" }).ClickAsync();
        await page.SignInAtThisPageAsync(name);
    }
}
