using System.Globalization;
using System.Text.RegularExpressions;
using AuthMesh.LocalMesh;
using AuthMesh.Tests.Faults;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;

namespace AuthMesh.Tests.Pages;

/// <summary>The settings of a team that gives the pages its own look, or has pages of its own.</summary>
public sealed partial class PageOptionsTests(ProductionMesh production)
{
    [Fact]
    public async Task Without_pages_their_addresses_are_not_found_and_the_rest_stays()
    {
        await using var own = await OwnDatabase.CreateAsync(production);
        own.Settings["Identity:Pages:Enabled"] = "false";
        await using var service = await StartAsync(own);
        using var identity = new Caller(service);

        foreach (var path in (string[])["/", "/signin", "/signup", "/forgot", "/reset", "/me", "/me/security"])
        {
            (await identity.GetAsync(path)).AssertError(404, "not_found");
            Assert.NotEqual(200, (await identity.PostRawAsync(path, "a=b", "application/x-www-form-urlencoded")).Status);
        }

        await identity.SignUpAsync();
    }

    [Fact]
    public async Task A_team_sets_name_logo_and_colour()
    {
        await using var own = await OwnDatabase.CreateAsync(production);
        var logo = own.FileIn("logo.svg");
        const string Drawing = """<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>""";
        await File.WriteAllTextAsync(logo, Drawing, TestContext.Current.CancellationToken);
        own.Settings["Identity:Pages:LogoFile"] = logo;
        own.Settings["Identity:Pages:ProductName"] = "Ben & <Jerry>";
        own.Settings["Identity:Pages:Accent"] = "#8a1538";
        await using var service = await StartAsync(own);
        using var identity = new Caller(service);

        var page = (await identity.GetAsync("/signin")).Text;
        Assert.DoesNotContain( // this service has no mail
            "name=\"email\"", (await identity.GetAsync("/signup")).Text, StringComparison.Ordinal);
        var style = await identity.GetAsync(AssetOf(page, ".css"));
        var shown = await identity.GetAsync(AssetOf(page, ".svg"));

        Assert.Contains("Ben &amp; &lt;Jerry&gt;", page, StringComparison.Ordinal);
        Assert.Contains("#8a1538", style.Text, StringComparison.Ordinal);
        Assert.Equal((200, Drawing), (shown.Status, shown.Text));
        Assert.Contains("sandbox", shown.Header("Content-Security-Policy"), StringComparison.Ordinal); // its script runs nowhere
    }

    [Fact]
    public async Task A_throttled_sign_in_says_when_to_come_back()
    {
        await using var own = await OwnDatabase.CreateAsync(production);
        own.Settings["Identity:Throttling:AccountAndNetwork:Attempts"] = "1";
        await using var service = await StartAsync(own);
        using var identity = new Caller(service);
        var visitor = new Visitor(identity, ProductionMesh.Issuer);
        (string, string)[] form = [("username", "somebody"), ("password", "not the password")];
        Assert.Equal(401, (await visitor.PostAsync("/signin", form)).Status);

        var answer = await visitor.PostAsync("/signin", form);

        Assert.Equal(429, answer.Status);
        var seconds = int.Parse(answer.Header("Retry-After")!, CultureInfo.InvariantCulture);
        Assert.InRange(seconds, 100, 3600);
        Assert.Contains(
            FormattableString.Invariant($"role=\"alert\">Too many attempts. Try again in {(seconds + 59) / 60} minutes.<"), answer.Text,
            StringComparison.Ordinal);
    }

    private static async Task<ServiceProcess> StartAsync(OwnDatabase own)
    {
        var service = await own.StartAsync();
        await service.WaitUntilReadyAsync(cancellation: TestContext.Current.CancellationToken);
        return service;
    }

    private static string AssetOf(string page, string extension) =>
        Asset().Matches(page).First(match => match.Value.EndsWith(extension, StringComparison.Ordinal)).Value;

    [GeneratedRegex("/assets/[a-z0-9.]+")]
    private static partial Regex Asset();
}
