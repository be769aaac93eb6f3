using Microsoft.Playwright;

namespace AuthMesh.Tests.Pages;

/// <summary>What holds for every page, in every state.</summary>
[Collection<OnPages>]
public sealed class EveryPageTests(PagesMesh mesh, Chromium chromium)
{
    private const int HeaviestPage = 60_000, MostRequests = 6, NarrowestScreen = 320;

    public static TheoryData<string> States => [.. PageStates.Names];

    [Theory]
    [MemberData(nameof(States))]
    public async Task A_page_is_accessible_in_both_schemes_light_and_fits_a_narrow_screen_in_both_languages(string state)
    {
        var page = await chromium.OpenAsync(mesh);
        var complaints = new List<string>();
        page.Console += (_, message) => complaints.Add(message.Text);
        page.PageError += (_, error) => complaints.Add(error);
        var method = "";
        page.Request += (_, request) => method = request.IsNavigationRequest ? request.Method : method;
        await PageStates.GoAsync(state, mesh, page);

        await Screenshots.TakeAsync(page, state);

        // 1. axe finds nothing. The dark scheme changes colours alone.
        Assert.Empty(await page.FindBarriersAsync());
        await page.EmulateMediaAsync(new() { ColorScheme = ColorScheme.Dark });
        await Screenshots.TakeDarkAsync(page, state);
        Assert.Empty(await page.FindPaleTextAsync());

        // 2. Nothing scrolls sideways, which is also what a zoom of 200 % on a small laptop needs.
        await page.SetViewportSizeAsync(NarrowestScreen, 600);
        Assert.Equal(NarrowestScreen, await page.EvaluateAsync<int>("document.documentElement.scrollWidth"));

        // 3. The browser says everything that it loaded.
        var loaded = await page.EvaluateAsync<int[]>(
            "[...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')].map(e => e.decodedBodySize)");
        Assert.InRange(loaded.Sum(), 1, HeaviestPage);
        Assert.InRange(loaded.Length, 2, MostRequests);

        // 4. The Content-Security-Policy hits nothing of ours. A refused form is an answer of 400 and more, which the console repeats.
        Assert.DoesNotContain(
            complaints, complaint => !complaint.StartsWith("Failed to load resource", StringComparison.Ordinal));

        // 5. Japanese fits as well. The answer to a form cannot be loaded again.
        if (method == "GET")
        {
            await page.PreferAsync("ja");
            await page.ReloadAsync();
            Assert.Equal("ja", await page.Locator("html").GetAttributeAsync("lang"));
            Assert.Equal(NarrowestScreen, await page.EvaluateAsync<int>("document.documentElement.scrollWidth"));
        }
    }
}
