using AuthMesh.Tests.Harness;
using Microsoft.Playwright;

namespace AuthMesh.Tests.Pages;

/// <summary>The page <c>/docs</c>.</summary>
[Collection<OnPages>]
public sealed class ApiReferenceTests(PagesMesh mesh, Chromium chromium, ProductionMesh production)
{
    [Fact]
    public async Task The_page_shows_both_documents_and_asks_no_other_host()
    {
        var page = await chromium.OpenAsync(mesh, options => options.ViewportSize = new() { Width = 1280, Height = 900 });
        var (complaints, elsewhere) = (new List<string>(), new List<string>());
        page.Console += (_, message) => complaints.Add($"{message.Type}: {message.Text}");
        page.PageError += (_, error) => complaints.Add(error);
        page.Request += (_, request) => elsewhere.AddRange(
            request.Url.StartsWith(mesh.Origin + "/", StringComparison.Ordinal) || request.Url.StartsWith("data:", StringComparison.Ordinal)
            || request.Url.StartsWith("blob:", StringComparison.Ordinal) ? [] : [request.Url]);

        // 1. It shows what the document says.
        await page.GotoAsync("/docs");
        await Assertions.Expect(page.GetByText("AuthMesh: accounts, sessions and tokens").First).ToBeVisibleAsync();
        await Assertions.Expect(page.GetByText("Creates an account").First).ToBeVisibleAsync();
        await page.GetByText("Accounts, sessions and tokens").First.ClickAsync();
        await page.GetByText("The example service").First.ClickAsync();
        await Assertions.Expect(page.GetByText("The example of protected data").First).ToBeVisibleAsync();
        await page.GotoAsync("/docs");
        await Assertions.Expect(page.GetByText("Creates an account").First).ToBeVisibleAsync();
        if (Environment.GetEnvironmentVariable("AUTHMESH_SCREENSHOTS") is { } folder)
        {
            await page.ScreenshotAsync(new() { Path = System.IO.Path.Combine(folder, "docs.png") });
        }

        // 2. The content policy lets it ask this mesh and hits nothing that it needs, and nothing was asked of another host.
        Assert.Equal(401, await page.EvaluateAsync<int>("async () => (await fetch('/protected')).status"));
        Assert.DoesNotContain(complaints, complaint => complaint.Contains("Content Security Policy", StringComparison.Ordinal));
        Assert.Empty(elsewhere);
    }

    [Theory]
    [InlineData("/docs/identity")]
    [InlineData("/docs/https:%2F%2Fother.example%2F")]
    public async Task A_path_chooses_no_document(string path) => (await mesh.Gateway.GetAsync(path)).AssertError(404, "not_found");

    [Theory]
    [InlineData("/docs")]
    [InlineData("/docs/")]
    [InlineData("/docs/scalar.js")]
    public async Task It_does_not_exist_in_production(string path) =>
        (await production.Gateway.GetAsync(path)).AssertError(404, "not_found");
}
