using AuthMesh.LocalMesh;
using AuthMesh.TestMesh;
using AuthMesh.Tests.Gateway;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;

namespace AuthMesh.Tests.Streams;

/// <summary>A route whose metadata contradict each other stops the start, and the reason names the cure.</summary>
public sealed class RouteTests
{
    [Theory]
    [InlineData("Streaming is yes. Write true, or leave it out.", "Metadata:Streaming", "yes")]
    [InlineData("TokenInQuery is false. Write true, or leave it out.", "Metadata:TokenInQuery", "false")]
    [InlineData("Affinity is cookie. Write session, or leave it out.", "Metadata:Affinity", "cookie")]
    [InlineData("has Streaming, and", "AuthorizationPolicy", "anonymous")]
    [InlineData("Match:Methods has other methods than GET.", "Match:Methods:1", "POST")]
    [InlineData("Match:Methods has other methods than GET.", "Match:Methods:0", "CONNECT")]
    [InlineData("has a Timeout or a TimeoutPolicy.", "Timeout", "00:00:10")]
    [InlineData("MaxRequestBodySize is not 0.", "MaxRequestBodySize", "1024")]
    [InlineData("has TokenInQuery without Streaming.", "Metadata:TokenInQuery", "true", "Metadata:Streaming", null)]
    [InlineData("Only a streaming route has CONNECT.", "Match:Methods:1", "CONNECT", "Metadata:Streaming", null)]
    [InlineData(
        "has Affinity, and", "AuthorizationPolicy", "anonymous", "Metadata:Affinity", "session", "Metadata:Streaming", null)]
    public async Task A_contradictory_route_stops_the_start(string problem, params string?[] changes)
    {
        var settings = Route();
        foreach (var change in changes.Chunk(2))
        {
            settings["ReverseProxy:Routes:stream:" + change[0]] = change[1]!;
        }

        await using var process = await ServiceProcess.StartAsync(
            "gateway", settings.Where(setting => setting.Value is not null).ToDictionary(), start: WithinThisProcess.StartAsync);

        Assert.Equal(1, await process.WaitForExitAsync(TimeSpan.FromSeconds(60)));
        Assert.Contains("ReverseProxy:Routes:stream", process.Output, StringComparison.Ordinal);
        Assert.Contains(problem, process.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_complete_route_starts_and_answers_GET_only()
    {
        await using var gateway = new LoneGateway(
            new(Route().Where(setting => setting.Key.StartsWith("ReverseProxy:Routes", StringComparison.Ordinal)))
            {
                ["ReverseProxy:Routes:stream:Match:Methods:1"] = "CONNECT",
                ["ReverseProxy:Routes:stream:Metadata:Affinity"] = "session",
            });
        await gateway.InitializeAsync();
        var token = gateway.Identity.Sign(gateway.Identity.SignIn().Claims);

        Assert.Equal(200, (await gateway.Caller.GetAsync("/stream", token)).Status);
        foreach (var method in new[] { HttpMethod.Post, HttpMethod.Delete, HttpMethod.Options })
        {
            var answer = await gateway.Caller.CallAsync(method, "/stream", token);
            answer.AssertError(405, "method_not_allowed");
        }
    }

    private static Dictionary<string, string> Route() => new()
    {
        ["AuthMesh:Issuer"] = ProductionMesh.Issuer,
        ["AuthMesh:ServiceKey"] = ProductionMesh.ServiceKey,
        ["AuthMesh:IdentityUrl"] = Loopback.Origin(9),
        ["ReverseProxy:Routes:stream:ClusterId"] = "resource",
        ["ReverseProxy:Routes:stream:Match:Path"] = "/stream",
        ["ReverseProxy:Routes:stream:Match:Methods:0"] = "GET",
        ["ReverseProxy:Routes:stream:AuthorizationPolicy"] = "signed-in",
        ["ReverseProxy:Routes:stream:Metadata:Streaming"] = "true",
    };
}
