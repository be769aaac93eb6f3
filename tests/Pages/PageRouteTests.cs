using System.Text.Json;
using AuthMesh.Identity.Pages.Frame;
using AuthMesh.Tests.Conventions;
using AuthMesh.Tests.Conventions.Documentation;

namespace AuthMesh.Tests.Pages;

/// <summary>The pages have routes of their own kind at the gateway, and docs/pages.md lists them.</summary>
public sealed class PageRouteTests
{
    private static readonly List<JsonProperty> Routes = [.. JsonElement.Parse(SourceTree.Read("gateway/appsettings.json"))
        .GetProperty("ReverseProxy").GetProperty("Routes").EnumerateObject()
        .Where(route => route.Name.StartsWith("page-", StringComparison.Ordinal))];

    [Fact]
    public void Every_page_has_a_route_and_every_route_a_page() => Assert.Equal(
        ConventionTests.IdentityEndpoints().Where(endpoint => endpoint.Metadata.GetMetadata<PageMarker>() is not null)
            .Select(ConventionTests.Name).Order(StringComparer.Ordinal),
        Routes.SelectMany(route => Methods(route).Select(method => $"{method} {Path(route)}")).Order(StringComparer.Ordinal));

    [Fact]
    public void The_documentation_lists_the_pages() => Assert.Equal(
        Routes.Select(Path).Order(StringComparer.Ordinal),
        new Page("docs/pages.md").Rows("address").SelectMany(row => Page.Code(row[0])).Order(StringComparer.Ordinal));

    [Fact]
    public void Every_page_admits_everybody_and_reads_the_session_if_there_is_one() => Assert.All(Routes, route =>
    {
        Assert.Equal("anonymous", route.Value.GetProperty("AuthorizationPolicy").GetString());
        Assert.Equal(
            Path(route) switch { "/assets/{name}" => null, "/signout" => "Passed", _ => "IfUsable" }, Metadata(route, "SessionCookie"));
    });

    [Theory]
    [InlineData("device", "/signin", "/signin/second-factor", "/reset", "/invitation")]
    [InlineData("sign-in", "/signin/second-factor")]
    [InlineData("proof", "/reset", "/invitation", "/verify-email")]
    public void A_page_receives_only_the_cookies_that_it_needs(string cookie, params string[] paths) => Assert.Equal(
        paths.Order(StringComparer.Ordinal),
        Routes.Where(route => Metadata(route, "Cookies")?.Split(',').Contains(cookie) is true).Select(Path).Order(StringComparer.Ordinal));

    [Fact]
    public void A_route_of_the_teams_own_takes_the_root()
    {
        var root = Routes.Single(route => Path(route) == "/");

        Assert.InRange(root.Value.GetProperty("Order").GetInt32(), 1, int.MaxValue); // routes have 0 unless they say otherwise
        Assert.All(Routes.Where(route => Path(route) != "/"), route => Assert.False(route.Value.TryGetProperty("Order", out _)));
    }

    private static string Path(JsonProperty route) => route.Value.GetProperty("Match").GetProperty("Path").GetString()!;

    private static IEnumerable<string> Methods(JsonProperty route) =>
        route.Value.GetProperty("Match").GetProperty("Methods").EnumerateArray().Select(method => method.GetString()!);

    private static string? Metadata(JsonProperty route, string name) =>
        route.Value.TryGetProperty("Metadata", out var all) && all.TryGetProperty(name, out var value) ? value.GetString() : null;
}
