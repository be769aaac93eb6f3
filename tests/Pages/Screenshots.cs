using Microsoft.Playwright;

namespace AuthMesh.Tests.Pages;

/// <summary>
/// The pictures of docs/pages.md. <c>docs/pages/take.sh</c> names a folder for them in AUTHMESH_SCREENSHOTS; otherwise none are taken.
/// </summary>
internal static class Screenshots
{
    private const int LargestFile = 60_000;

    private static readonly string? Folder = Environment.GetEnvironmentVariable("AUTHMESH_SCREENSHOTS");

    private static readonly string[] Light =
    [
        "signin", "signin-refused", "signup", "second-factor", "confirm", "forgot", "reset", "invitation", "verify-email", "dead-link",
        "me", "email", "security-two-step", "password", "authenticator-qr", "recovery-codes-new", "passkeys", "keys", "sessions",
        "delete", "device", "device-ask", "device-done",
    ];

    private static readonly string[] Dark = ["signin", "security-two-step", "authenticator-qr", "sessions"];

    public static Task TakeAsync(IPage page, string state) => Light.Contains(state) ? TakeFileAsync(page, state) : Task.CompletedTask;

    public static Task TakeDarkAsync(IPage page, string state) =>
        Dark.Contains(state) ? TakeFileAsync(page, state + "-dark") : Task.CompletedTask;

    private static async Task TakeFileAsync(IPage page, string name)
    {
        if (Folder is null)
        {
            return;
        }

        await page.SetViewportSizeAsync(800, 620); // the first view of a small laptop
        // Tests make up names; a picture shows one that people have.
        await page.EvaluateAsync(
            """
            () => {
              const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
              while (walk.nextNode()) walk.currentNode.data = walk.currentNode.data.replace(/\bu-[0-9a-f]{12}\b/g, "alice");
            }
            """);
        var picture = await page.ScreenshotAsync(new() { Caret = ScreenshotCaret.Hide });
        Assert.InRange(picture.Length, 1, LargestFile);
        await File.WriteAllBytesAsync(Path.Combine(Folder, name + ".png"), picture);
    }
}
