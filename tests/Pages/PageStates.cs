using System.Globalization;
using System.Security.Cryptography;
using AuthMesh.Identity.SecondFactor;
using AuthMesh.Tests.Harness;
using Microsoft.Playwright;

namespace AuthMesh.Tests.Pages;

/// <summary>Every page in every state that looks different, and the way a browser gets there.</summary>
internal static class PageStates
{
    private static readonly Dictionary<string, Func<PagesMesh, IPage, Task>> Ways = new()
    {
        ["signin"] = (_, page) => page.GotoAsync("/signin"),
        ["signin-refused"] = async (_, page) =>
        {
            await page.GotoAsync("/signin");
            await page.GetByLabel("Username").FillAsync("nobody");
            await page.SendAsync(("Password", "not the password"));
        },
        ["signed-out"] = (_, page) => page.GotoAsync("/signin?done=signed-out"),
        ["signup"] = (_, page) => page.GotoAsync("/signup"),
        ["signup-refused"] = async (_, page) =>
        {
            await page.GotoAsync("/signup");
            await page.GetByLabel("Username").FillAsync("a name");
            await page.SendAsync(("Password", "short"));
        },
        ["second-factor"] = ToSecondFactorAsync,
        ["second-factor-refused"] = async (mesh, page) =>
        {
            await ToSecondFactorAsync(mesh, page);
            await page.SendAsync(("Code", "000000"));
        },
        ["second-factor-recovery"] = async (mesh, page) =>
        {
            await ToSecondFactorAsync(mesh, page);
            await page.GetByRole(AriaRole.Link, new() { Name = "Use a recovery code" }).ClickAsync();
        },
        ["second-factor-blocked"] = async (mesh, page) =>
        {
            var (name, _) = await page.SignUpWithTotpAsync(mesh);
            await mesh.BlockTotpAsync(name);
            await page.Context.ClearCookiesAsync();
            await page.SignInAsync(name);
        },
        ["me"] = SignedInAt("/me"),
        ["security"] = SignedInAt("/me/security"),
        ["security-two-step"] = async (mesh, page) => await page.SignUpWithTotpAsync(mesh),
        ["password"] = SignedInAt("/me/security/password"),
        ["password-refused"] = async (mesh, page) =>
        {
            await SignedInAt("/me/security/password")(mesh, page);
            await page.SendAsync(("New password", "short"));
        },
        ["authenticator"] = SignedInAt("/me/security/authenticator"),
        ["authenticator-qr"] = async (mesh, page) =>
        {
            await SignedInAt("/me/security/authenticator")(mesh, page);
            await page.GetByRole(AriaRole.Button, new() { Name = "Set up an app" }).ClickAsync();
        },
        ["recovery-codes-new"] = async (mesh, page) =>
        {
            await page.SignUpWithTotpAsync(mesh, isWithCodes: true);
        },
        ["recovery-codes"] = async (mesh, page) =>
        {
            await page.SignUpWithTotpAsync(mesh);
            await page.GotoAsync("/me/security/recovery-codes");
        },
        ["sessions"] = async (mesh, page) =>
        {
            var (visitor, name) = await mesh.SignUpAsync();
            await mesh.Gateway.TokenAsync(name, PagesMesh.Password);
            await page.TakeCookiesAsync(mesh, visitor);
            await page.GotoAsync("/me/sessions");
        },
        ["applications-none"] = SignedInAt("/me/applications"),
        ["applications"] = ToApplicationsAsync,
        ["applications-withdrawn"] = async (mesh, page) =>
        {
            await ToApplicationsAsync(mesh, page);
            await page.GetByRole(AriaRole.Button, new() { Name = "Withdraw what The bookshop may do" }).ClickAsync();
            await Assertions.Expect(page.GetByText("The application may no longer act for you.")).ToBeVisibleAsync();
        },
        ["forgot"] = (_, page) => page.GotoAsync("/forgot"),
        ["forgot-sent"] = async (_, page) =>
        {
            await page.GotoAsync("/forgot");
            await page.SendAsync(("Username or email address", "somebody"));
        },
        ["dead-link"] = (_, page) => page.GotoAsync("/reset"),
        ["reset"] = async (mesh, page) =>
        {
            var name = await page.SignUpWithPasskeyAsync(mesh);
            await page.GotoAsync(await mesh.LinkAsync("/reset", "PasswordReset", name));
        },
        ["invitation"] = async (mesh, page) =>
        {
            var (_, name) = await mesh.SignUpAsync();
            await page.GotoAsync(await mesh.LinkAsync("/invitation", "Invitation", name));
        },
        ["verify-email"] = async (mesh, page) =>
        {
            var (_, name) = await mesh.SignUpAsync();
            await page.GotoAsync(await mesh.ClaimAsync(name, "somebody@example.com"));
        },
        ["email"] = async (mesh, page) =>
        {
            var (visitor, name) = await mesh.SignUpAsync();
            await mesh.ClaimAsync(name, "somebody@example.com");
            await page.TakeCookiesAsync(mesh, visitor);
            await page.GotoAsync("/me/email");
        },
        ["passkeys-none"] = SignedInAt("/me/security/passkeys"),
        ["passkeys"] = async (mesh, page) => await page.SignUpWithPasskeyAsync(mesh),
        ["passkeys-refused"] = async (mesh, page) =>
        {
            await page.SignUpWithPasskeyAsync(mesh);
            await page.GetByText("Rename").ClickAsync();
            await page.GetByLabel("Name", new() { Exact = true }).First.FillAsync("");
            await page.GetByRole(AriaRole.Button, new() { Name = "Save" }).ClickAsync();
            await Assertions.Expect(page.GetByText("Name is required.")).ToBeVisibleAsync();
        },
        ["keys-none"] = SignedInAt("/me/security/keys"),
        ["keys-new"] = CreateKeyAsync,
        ["keys"] = async (mesh, page) =>
        {
            await CreateKeyAsync(mesh, page);
            await page.GetByRole(AriaRole.Link, new() { Name = "I have copied it" }).ClickAsync();
        },
        ["keys-refused"] = async (mesh, page) =>
        {
            await SignedInAt("/me/security/keys")(mesh, page);
            await page.GetByLabel("Name", new() { Exact = true }).FillAsync("nightly backup");
            await page.SendAsync(("Scopes", "orders.read orders.read"));
        },
        ["second-factor-passkey"] = async (mesh, page) =>
        {
            var name = await page.SignUpWithPasskeyAsync(mesh);
            await page.GetByRole(AriaRole.Button, new() { Name = "Ask for a passkey after my password" }).ClickAsync();
            await page.Context.ClearCookiesAsync();

            // Without the browser, which would offer the passkey on the page that asks for the password. The virtual authenticator's owner
            // takes every offer at once.
            var visitor = mesh.Visit();
            await visitor.PostAsync("/signin", ("username", name), ("password", PagesMesh.Password));
            await page.TakeCookiesAsync(mesh, visitor);
            await page.GotoAsync("/signin/second-factor");
        },
        ["device"] = SignedInAt("/device?user_code=WDJB-MJHT"),
        ["device-ask"] = ToDeviceAsync,
        ["device-done"] = async (mesh, page) =>
        {
            await ToDeviceAsync(mesh, page);
            await page.GetByRole(AriaRole.Button, new() { Name = "Allow" }).ClickAsync();
            await page.WaitForURLAsync("**/device?done=device-allowed");
        },
        ["device-refused"] = async (mesh, page) =>
        {
            await SignedInAt("/device")(mesh, page);
            await page.SendAsync(("Code on the device", "WDJB-MJHT"));
        },
        ["delete"] = SignedInAt("/me/delete"),
        ["confirm"] = SignedInAt("/confirm?return=/me/security"),
        ["confirm-blocked"] = async (mesh, page) =>
        {
            var (name, _) = await page.SignUpWithTotpAsync(mesh);
            await mesh.BlockTotpAsync(name);
            await page.GotoAsync("/confirm?return=/me/security");
        },
    };

    public static IEnumerable<string> Names => Ways.Keys;

    public static Task GoAsync(string state, PagesMesh mesh, IPage page) => Ways[state](mesh, page);

    /// <summary>Fills in a field and sends its form.</summary>
    public static async Task SendAsync(this IPage page, (string Label, string Value) field)
    {
        await page.GetByLabel(field.Label, new() { Exact = true }).FillAsync(field.Value);
        await page.GetByLabel(field.Label, new() { Exact = true }).PressAsync("Enter");
        try
        {
            await page.WaitForLoadStateAsync(LoadState.Load, new() { Timeout = 5_000 });
        }
        catch (TimeoutException)
        {
            await page.WaitForLoadStateAsync(); // Playwright misses an event that comes just when it begins to wait, but keeps the state
        }
    }

    public static Task TakeCookiesAsync(this IPage page, PagesMesh mesh, Visitor visitor) => page.Context.AddCookiesAsync(
        visitor.Cookies.Select(cookie => new Cookie
        {
            Name = cookie.Key, Value = cookie.Value, Url = mesh.Origin, HttpOnly = true, SameSite = SameSiteAttribute.Lax,
        }));

    /// <summary>Signs up and turns an authenticator app on.</summary>
    public static async Task<(string Username, byte[] Secret)> SignUpWithTotpAsync(
        this IPage page, PagesMesh mesh, bool isWithCodes = false)
    {
        var (visitor, name) = await mesh.SignUpAsync();
        await page.TakeCookiesAsync(mesh, visitor);
        await page.GotoAsync("/me/security/authenticator");
        await page.GetByRole(AriaRole.Button, new() { Name = "Set up an app" }).ClickAsync();
        var secret = FromBase32((await page.Locator(".secret").TextContentAsync())!);
        await page.SendAsync(("Code", CodeNow(secret)));
        if (!isWithCodes)
        {
            await page.GetByRole(AriaRole.Link, new() { Name = "Done" }).ClickAsync();
        }

        return (name, secret);
    }

    /// <summary>Types a name and the password, and nothing else.</summary>
    public static async Task SignInAsync(this IPage page, string name)
    {
        await page.GotoAsync("/signin");
        await page.GetByLabel("Username").FillAsync(name);
        await page.SendAsync(("Password", PagesMesh.Password));
    }

    /// <summary>Signs up and adds a passkey of a virtual authenticator, which stays in the page.</summary>
    public static async Task<string> SignUpWithPasskeyAsync(this IPage page, PagesMesh mesh)
    {
        await page.AddAuthenticatorAsync();
        var (visitor, name) = await mesh.SignUpAsync();
        await page.TakeCookiesAsync(mesh, visitor);
        await page.GotoAsync("/me/security/passkeys");
        await page.GetByLabel("Name").FillAsync("My laptop");
        await page.GetByRole(AriaRole.Button, new() { Name = "Add a passkey" }).ClickAsync();
        await page.WaitForURLAsync("**/me/security/passkeys?done=passkey");
        return name;
    }

    /// <summary>Gives the page an authenticator that answers at once, as if its owner touched it.</summary>
    public static async Task AddAuthenticatorAsync(this IPage page)
    {
        var devtools = await page.Context.NewCDPSessionAsync(page);
        await devtools.SendAsync("WebAuthn.enable");
        await devtools.SendAsync("WebAuthn.addVirtualAuthenticator", new Dictionary<string, object>
        {
            ["options"] = new Dictionary<string, object>
            {
                ["protocol"] = "ctap2", ["transport"] = "internal", ["hasResidentKey"] = true, ["hasUserVerification"] = true,
                ["isUserVerified"] = true, ["automaticPresenceSimulation"] = true,
            },
        });
    }

    /// <summary>Changes the browser's language, which the window's own would override in a plain header.</summary>
    public static async Task PreferAsync(this IPage page, string language)
    {
        var devtools = await page.Context.NewCDPSessionAsync(page);
        await devtools.SendAsync("Emulation.setUserAgentOverride", new Dictionary<string, object>
        {
            ["userAgent"] = await page.EvaluateAsync<string>("navigator.userAgent"), ["acceptLanguage"] = language,
        });
    }

    public static string CodeNow(byte[] secret) => Totp.CodeAt(secret, Totp.StepAt(TimeProvider.System.GetUtcNow()));

    private static Func<PagesMesh, IPage, Task> SignedInAt(string path) => async (mesh, page) =>
    {
        var (visitor, _) = await mesh.SignUpAsync();
        await page.TakeCookiesAsync(mesh, visitor);
        await page.GotoAsync(path);
    };

    private static async Task ToDeviceAsync(PagesMesh mesh, IPage page)
    {
        await SignedInAt("/device")(mesh, page);
        await page.SendAsync(("Code on the device", await mesh.BeginDeviceAsync()));
    }

    private static async Task ToApplicationsAsync(PagesMesh mesh, IPage page)
    {
        var (visitor, name) = await mesh.SignUpAsync();
        await mesh.AllowAsync(name, "The bookshop", isFirstParty: false, "openid", "profile", "orders.read");
        await mesh.AllowAsync(name, "Team calendar", isFirstParty: true, "openid", "mesh", "offline_access");
        await page.TakeCookiesAsync(mesh, visitor);
        await page.GotoAsync("/me/applications");
    }

    private static async Task CreateKeyAsync(PagesMesh mesh, IPage page)
    {
        await SignedInAt("/me/security/keys")(mesh, page);
        await page.GetByLabel("Name", new() { Exact = true }).FillAsync("nightly backup");
        await page.SendAsync(("Scopes", "orders.read invoices.read"));
    }

    private static async Task ToSecondFactorAsync(PagesMesh mesh, IPage page)
    {
        var (name, _) = await page.SignUpWithTotpAsync(mesh);
        await page.Context.ClearCookiesAsync();
        await page.SignInAsync(name);
    }

    public static byte[] FromBase32(string text)
    {
        var bits = string.Concat(text.Where(c => c != ' ').Select(
            c => Convert.ToString("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".IndexOf(c, StringComparison.Ordinal), 2).PadLeft(5, '0')));
        return [.. bits.Chunk(8).Where(byteBits => byteBits.Length == 8).Select(byteBits => Convert.ToByte(new string(byteBits), 2))];
    }
}
