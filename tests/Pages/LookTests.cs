using AuthMesh.Identity.Pages;
using AuthMesh.Identity.Pages.Frame;
using AuthMesh.Settings;
using Microsoft.Extensions.Options;

namespace AuthMesh.Tests.Pages;

/// <summary>Colours, the style sheet, the scripts and the logo.</summary>
[Collection<OnPages>]
public sealed class LookTests(PagesMesh mesh)
{
    [Theory]
    [InlineData("#2f5bd8")]
    [InlineData("#000000")]
    [InlineData("#0b6e4f")]
    [InlineData("#8a1538")]
    public void An_accent_that_people_can_read_is_accepted_and_is_readable_in_the_dark_scheme_too(string accent)
    {
        Assert.Null(Palette.FindFault(accent));
        var dark = Palette.TryRead(Palette.For(accent).Dark)!.Value;

        Assert.InRange(Palette.Contrast(dark, Palette.TryRead("#20242c")!.Value), 4.5, 21);
        Assert.InRange(Palette.Contrast(dark, Palette.TryRead("#10131a")!.Value), 4.5, 21);
    }

    [Theory]
    [InlineData("#ffcc00")]
    [InlineData("#7f9cf5")]
    [InlineData("#fff")]
    [InlineData("blue")]
    [InlineData("#12345g")]
    [InlineData("")]
    public void Any_other_accent_keeps_the_service_from_starting(string accent)
    {
        var problems = new SettingProblems("Identity");

        new PageOptions { Accent = accent }.Check(problems);

        Assert.StartsWith("Identity:Pages:Accent ", Assert.Single(problems.Result.Failures!), StringComparison.Ordinal);
    }

    [Fact]
    public void Contrast_is_that_of_WCAG() => Assert.Equal(21, Palette.Contrast((0, 0, 0), (255, 255, 255)), 3);

    [Fact]
    public void The_style_sheet_and_the_scripts_stay_small()
    {
        var assets = new Assets(Options.Create(new PageOptions())).All.ToLookup(asset => Path.GetExtension(asset.Name));

        Assert.InRange(assets[".css"].Single().Content.Length, 1, 12 * 1024);
        Assert.InRange(assets[".js"].Sum(asset => asset.Content.Length), 1, 20 * 1024);
    }

    [Fact]
    public async Task An_asset_is_kept_for_a_year_under_its_hash_and_served_during_an_update_under_any_other()
    {
        var page = (await mesh.Visit().GetAsync("/signin")).Text;
        var path = page.Split("rel=\"stylesheet\" href=\"")[1].Split('"')[0];
        var (kept, older) = (await mesh.Visit().GetAsync(path), await mesh.Visit().GetAsync("/assets/style.0123456789.css"));

        Assert.Equal((200, "public, max-age=31536000, immutable"), (kept.Status, kept.Header("Cache-Control")));
        Assert.Equal("text/css; charset=utf-8", kept.Header("Content-Type"));
        Assert.Contains("sandbox", kept.Header("Content-Security-Policy"), StringComparison.Ordinal);
        Assert.Equal((200, "no-store", kept.Text), (older.Status, older.Header("Cache-Control"), older.Text));
    }

    [Theory]
    [InlineData("/assets/nothing.0123456789.css")]
    [InlineData("/assets/style.css")]
    [InlineData("/assets/..%2fstyle.css")]
    [InlineData("/assets/style.0123456789.js")]
    public async Task An_unknown_asset_is_404(string path) => Assert.Equal(404, (await mesh.Visit().GetAsync(path)).Status);
}
