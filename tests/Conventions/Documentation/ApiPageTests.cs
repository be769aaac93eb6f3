using System.Buffers.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using AuthMesh.Tokens;
using AuthMesh.Tests.ApiKeys;
using AuthMesh.Tests.Emails;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;

namespace AuthMesh.Tests.Conventions.Documentation;

/// <summary>docs/api.md and docs/feed.md list every endpoint, and the claims and header members of a real token.</summary>
public sealed class ApiPageTests(ProductionMesh mesh)
{
    private static readonly Page Api = new("docs/api.md");

    [Fact]
    public void The_page_lists_exactly_the_gateway_routes() => Assert.Equal(
        GatewayRoutes().Concat(["GET /health/live", "GET /health/ready", "GET /.well-known/oauth-protected-resource/{path}"])
            .Order(StringComparer.Ordinal),
        Endpoints(Api));

    [Fact]
    public void The_feed_page_lists_exactly_the_internal_endpoints() => Assert.Equal(
        ConventionTests.IdentityEndpoints().Select(ConventionTests.Name)
            .Where(name => name.Contains(" /internal/", StringComparison.Ordinal))
            .Select(name => name.Replace(":guid", "", StringComparison.Ordinal)).Order(StringComparer.Ordinal),
        Endpoints(new Page("docs/feed.md")));

    [Fact]
    public async Task The_page_lists_the_claims_of_an_access_token()
    {
        var user = await mesh.Gateway.SignUpAsync();
        await mesh.Database.ProveAsync(user.UserId, user.Username + "@example.test");
        var token = (await mesh.Gateway.RefreshAsync(user.RefreshToken)).Token;
        var listed = Api.Rows("claim").Select(row => Page.Code(row[0]).Single()).ToList();

        Assert.Equal(AccessTokenClaims.All.Where(claim => claim.Source is not null).Select(claim => claim.Name), listed);
        var payload = TokenText.Payload(token);
        var key = await mesh.Gateway.AddKeyAsync(user.Token, "mesh"); // a sign-in's token lacks its scope
        payload["client_epoch"] = 7; // only in tokens of applications: CodeFlowTests
        payload["scope"] = TokenText.Payload(await mesh.Identity.KeyTokenAsync(key.Key))["scope"]!.DeepClone();
        Assert.Equal(payload.Select(claim => claim.Key).Order(StringComparer.Ordinal), listed.Order(StringComparer.Ordinal));
        Assert.All(Api.Rows("claim"), row => Assert.Equal(
            payload[Page.Code(row[0]).Single()]!.GetValueKind(), JsonElement.Parse(Page.Code(row[1]).Single()).ValueKind));
    }

    [Fact]
    public async Task The_page_shows_the_header_of_a_token()
    {
        var (_, _, token) = await mesh.SignUpAsync();
        var shown = SourceTree.Read("docs/api.md").Split("```json\n")[1].Split("```")[0];

        Assert.Equal(
            JsonNode.Parse(Base64Url.DecodeFromChars(token.Split('.')[0]))!.AsObject().Select(member => member.Key)
            .Order(StringComparer.Ordinal),
            JsonNode.Parse(shown)!.AsObject().Select(member => member.Key).Order(StringComparer.Ordinal));
    }

    // HEAD answers wherever GET does, so the page does not list it.
    private static IEnumerable<string> GatewayRoutes() =>
        from route in JsonElement.Parse(SourceTree.Read("gateway/appsettings.json")).GetProperty("ReverseProxy").GetProperty("Routes")
        .EnumerateObject()
        where !route.Name.StartsWith("page-", StringComparison.Ordinal) // docs/pages.md lists them
        let match = route.Value.GetProperty("Match")
        from method in match.GetProperty("Methods").EnumerateArray()
        where method.GetString() != "HEAD"
        select $"{method.GetString()} {match.GetProperty("Path").GetString()}";

    private static IEnumerable<string> Endpoints(Page page) => page.Rows(title => title.StartsWith("for ", StringComparison.Ordinal))
        .Select(row => Page.Code(row[0]).Single()).Order(StringComparer.Ordinal);
}
