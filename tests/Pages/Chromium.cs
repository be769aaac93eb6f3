using System.Reflection;
using AuthMesh.Tests.Harness;
using Microsoft.Playwright;

namespace AuthMesh.Tests.Pages;

/// <summary>One browser for all tests of pages. Each test opens a window without the cookies of the others.</summary>
public sealed class Chromium : IAsyncLifetime
{
    /// <summary>The folder of Playwright's package, which has a Node.js in <c>.playwright/node</c>.</summary>
    public static string PlaywrightFolder { get; } = typeof(Chromium).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
        .Single(data => data.Key == "PlaywrightFolder").Value!;

    private IPlaywright playwright = null!;

    private IBrowser browser = null!;

    public async ValueTask InitializeAsync()
    {
        var path = Environment.GetEnvironmentVariable("AUTHMESH_CHROMIUM") ?? "/usr/bin/chromium-headless-shell";
        Assert.True(File.Exists(path), $"{path} is missing. ./test.sh installs it, or says what to install.");
        Environment.SetEnvironmentVariable("PLAYWRIGHT_DRIVER_SEARCH_PATH", PlaywrightFolder);
        playwright = await Playwright.CreateAsync();
        browser = await playwright.Chromium.LaunchAsync(new()
        {
            ExecutablePath = path,
            Args = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--disable-lcd-text"],
        });
    }

    /// <summary>Opens a window of an ordinary laptop, and closes the one of the test before.</summary>
    public Task<IPage> OpenAsync(PagesMesh mesh, Action<BrowserNewContextOptions>? change = null) => OpenAsync(mesh.Origin, change);

    /// <param name="origin">The origin of addresses that are only paths.</param>
    /// <param name="change">Changes the window.</param>
    public async Task<IPage> OpenAsync(string origin, Action<BrowserNewContextOptions>? change = null)
    {
        await Task.WhenAll(browser.Contexts.Select(context => context.CloseAsync()));
        var options = new BrowserNewContextOptions
        {
            BaseURL = origin, Locale = "en-GB", TimezoneId = "Europe/Berlin", ViewportSize = new() { Width = 1000, Height = 760 },
            ReducedMotion = ReducedMotion.Reduce,
        };
        change?.Invoke(options);
        var context = await browser.NewContextAsync(options);
        context.SetDefaultTimeout(60_000); // on a machine with much else to do
        return await context.NewPageAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (browser is not null)
        {
            await browser.DisposeAsync();
        }

        playwright?.Dispose();
    }
}
