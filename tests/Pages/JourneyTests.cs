using AuthMesh.Tests.Harness;
using Microsoft.Playwright;

namespace AuthMesh.Tests.Pages;

/// <summary>What people do, in a real browser.</summary>
[Collection<OnPages>]
public sealed class JourneyTests(PagesMesh mesh, Chromium chromium)
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_person_signs_up_signs_out_signs_in_and_ends_a_session_with_and_without_scripts(bool hasScripts)
    {
        var page = await chromium.OpenAsync(mesh, options => options.JavaScriptEnabled = hasScripts);
        var name = ProductionMesh.NewName();

        await page.GotoAsync("/");
        await Assertions.Expect(page).ToHaveURLAsync(mesh.Origin + "/signin");
        await page.GetByRole(AriaRole.Link, new() { Name = "Create an account" }).ClickAsync();
        await page.GetByLabel("Username").FillAsync(name);
        await page.GetByLabel("Password").FillAsync(PagesMesh.Password);
        await page.GetByRole(AriaRole.Button, new() { Name = "Create account" }).ClickAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Heading, new() { Name = $"Hello, {name}" })).ToBeVisibleAsync();

        await page.GetByRole(AriaRole.Button, new() { Name = "Sign out" }).ClickAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Status)).ToHaveTextAsync("You are signed out.");
        await page.GotoAsync("/me/sessions");
        await page.GetByLabel("Username or email address").FillAsync(name);
        await page.GetByLabel("Password").FillAsync(PagesMesh.Password);
        await page.Keyboard.PressAsync("Enter");
        await Assertions.Expect(page).ToHaveURLAsync(mesh.Origin + "/me/sessions");

        await mesh.Gateway.TokenAsync(name, PagesMesh.Password); // another device
        await page.ReloadAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "End the session on" }).ClickAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Status)).ToHaveTextAsync("The session has ended.");
        await Assertions.Expect(page.Locator(".rows li")).ToHaveCountAsync(1);
        var time = await page.Locator("time").First.TextContentAsync();
        Assert.Equal(!hasScripts, time!.EndsWith("UTC", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_sign_up_page_counts_the_characters_that_a_new_password_lacks()
    {
        var page = await chromium.OpenAsync(mesh);
        await page.GotoAsync("/signup");

        await page.GetByLabel("Username").FillAsync("ab"); // has no such count
        await page.GetByLabel("Password").FillAsync("abc");
        await Assertions.Expect(page.GetByRole(AriaRole.Status)).ToHaveTextAsync("5 more characters needed");
        await page.GetByLabel("Password").FillAsync("abcdefgh");
        await Assertions.Expect(page.GetByRole(AriaRole.Status)).ToHaveTextAsync("Long enough");
    }

    [Fact]
    public async Task A_wrong_password_is_explained_where_it_was_typed_and_forgotten()
    {
        var (_, name) = await mesh.SignUpAsync();
        var page = await chromium.OpenAsync(mesh);
        await page.GotoAsync("/signin?return=/me/security");

        await page.GetByLabel("Username or email address").FillAsync(name);
        await page.GetByLabel("Password").FillAsync("not the password");
        await page.GetByRole(AriaRole.Button, new() { Name = "Sign in", Exact = true }).ClickAsync();
        await Assertions.Expect(page.Locator("#alert")).ToHaveTextAsync("That name and password do not match.");
        await Assertions.Expect(page.GetByLabel("Username or email address")).ToHaveValueAsync(name);
        await Assertions.Expect(page.GetByLabel("Password")).ToHaveValueAsync("");
        await Assertions.Expect(page.GetByLabel("Password")).ToBeFocusedAsync();
        await Assertions.Expect(page).ToHaveTitleAsync("Error – Sign in – AuthMesh");

        await page.GetByLabel("Password").FillAsync(PagesMesh.Password);
        await page.Keyboard.PressAsync("Enter");
        await Assertions.Expect(page).ToHaveURLAsync(mesh.Origin + "/me/security");
    }

    [Fact]
    public async Task The_keyboard_alone_reaches_everything_in_the_order_of_the_page()
    {
        var page = await chromium.OpenAsync(mesh);
        await page.GotoAsync("/signin");

        var order = new List<string>();
        for (var i = 0; i < 6; i++)
        {
            order.Add(await page.EvaluateAsync<string>("document.activeElement.textContent || document.activeElement.name"));
            await page.Keyboard.PressAsync("Tab");
        }

        Assert.Equal(
            ["username", "password", "Sign in", "Sign in with a passkey", "Forgot your password?", "Create an account"], order);
    }

    [Fact]
    public async Task Back_and_reload_send_no_form_again()
    {
        var page = await chromium.OpenAsync(mesh);
        var name = ProductionMesh.NewName();
        await page.GotoAsync("/signup");
        await page.GetByLabel("Username").FillAsync(name);
        await page.GetByLabel("Password").FillAsync(PagesMesh.Password);
        await page.Keyboard.PressAsync("Enter");
        await page.WaitForURLAsync("**/me?done=signed-up");

        var posts = 0;
        page.Request += (_, request) => posts += request.Method == "POST" ? 1 : 0;
        await page.ReloadAsync();
        await page.GoBackAsync();
        await Assertions.Expect(page).ToHaveURLAsync(mesh.Origin + "/signup");
        await page.GotoAsync("/me");

        Assert.Equal(0, posts);
        await Assertions.Expect(page.GetByRole(AriaRole.Heading, new() { Name = name })).ToBeVisibleAsync();
    }
}
