using Microsoft.Playwright;

namespace AuthMesh.Tests.Pages;

/// <summary>Takes the pictures of docs/pages.md. <c>docs/pages/take.sh</c> runs it; a test run without it skips it.</summary>
[Collection<OnPages>]
public sealed class Screenshots(PagesMesh mesh, Chromium chromium)
{
    private const int LargestFile = 60_000;

    private static readonly string? Folder = Environment.GetEnvironmentVariable("AUTHMESH_SCREENSHOTS");

    /// <summary>Each state with a picture, and whether it has one in the dark scheme, too.</summary>
    private static readonly (string State, bool IsDarkToo)[] Taken =
    [
        ("signin", true), ("signin-refused", false), ("signup", false), ("second-factor", false), ("confirm", false), ("forgot", false),
        ("reset", false), ("invitation", false), ("verify-email", false), ("dead-link", false), ("me", false), ("email", false),
        ("security-two-step", true), ("password", false), ("authenticator-qr", true), ("recovery-codes-new", false), ("passkeys", false),
        ("sessions", true), ("delete", false),
    ];

    [Fact]
    public async Task Takes_a_picture_of_each_page()
    {
        Assert.SkipWhen(Folder is null, "AUTHMESH_SCREENSHOTS names no folder");
        foreach (var (state, isDarkToo) in Taken)
        {
            var page = await chromium.OpenAsync(mesh);
            await PageStates.GoAsync(state, mesh, page);
            // Tests make up names; a picture shows one that people have.
            await page.EvaluateAsync(
                """
                () => {
                  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
                  while (walk.nextNode()) walk.currentNode.data = walk.currentNode.data.replace(/\bu-[0-9a-f]{12}\b/g, "alice");
                }
                """);
            await TakeAsync(page, state);
            if (isDarkToo)
            {
                await page.EmulateMediaAsync(new() { ColorScheme = ColorScheme.Dark });
                await TakeAsync(page, state + "-dark");
            }

        }
    }

    private static async Task TakeAsync(IPage page, string name)
    {
        var picture = await page.ScreenshotAsync(new() { FullPage = true, Caret = ScreenshotCaret.Hide });
        Assert.InRange(picture.Length, 1, LargestFile);
        await File.WriteAllBytesAsync(Path.Combine(Folder!, name + ".png"), picture);
    }
}
