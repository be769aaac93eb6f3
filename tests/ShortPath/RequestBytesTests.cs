using System.Globalization;
using AuthMesh.LocalMesh;
using AuthMesh.TestMesh;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.ShortPath;

/// <summary>
/// Counts the bytes that a guarded request allocates in each hop. Time spreads by a tenth, but bytes do not, so they show each step of the
/// short path that is lost. The two services run as processes, because services within the tests' process share its heap.
/// </summary>
public sealed class RequestBytesTests(ProductionMesh mesh)
{
    private const int Limit = 4_500, CallsInRound = 1_000, MostRounds = 12;

    private static readonly Dictionary<string, string> Measured = new(AllocatedBytes.Settings)
    {
        // The compiler leaves out some allocations, but only in methods that it has compiled a second time. By default, it begins after
        // a quiet time of 100 ms. These values let it begin at once.
        ["DOTNET_TieredCompilation"] = "1",
        ["DOTNET_TC_CallCountThreshold"] = "30",
        ["DOTNET_TC_CallCountingDelayMs"] = "0",
        ["DOTNET_TieredPGO"] = "0",
    };

    [Fact]
    public async Task A_guarded_request_allocates_at_most_4500_bytes_in_the_gateway_and_in_the_service()
    {
        await using var service = await ServiceProcess.StartAsync("resource-service", With(mesh.Mesh.Resource.Settings), "Production");
        await using var gateway = await ServiceProcess.StartAsync(
            "gateway",
            With(mesh.Mesh.Gateway.Settings, new(Unthrottled.Gateway)
            {
                ["ReverseProxy:Clusters:resource:Destinations:one:Address"] = service.Address.ToString(),
                ["ReverseProxy:Clusters:resource:HealthCheck:Active:Enabled"] = "false", // a probe is a request too
                ["ReverseProxy:Clusters:identity:HealthCheck:Active:Enabled"] = "false",
            }),
            "Production");
        await service.WaitUntilReadyAsync(cancellation: TestContext.Current.CancellationToken);
        await gateway.WaitUntilReadyAsync(cancellation: TestContext.Current.CancellationToken);
        using var caller = new Caller(gateway.Address);
        var tokens = Enumerable.Range(0, 10).Select(_ => mesh.Forge.Sign(mesh.Forge.Header(), Forge.Claims())).ToList();

        // The first rounds warm up. What else a process does in a round, such as a fetch of keys, only adds bytes: the least counts.
        var rounds = new List<(double Gateway, double Service)>();
        do
        {
            var bytes = await AllocatedBytes.PerCallAsync(
                [gateway.ProcessId!.Value, service.ProcessId!.Value], CallsInRound,
                async (call, _) => Assert.Equal(200, (await caller.GetAsync("/protected", tokens[call % tokens.Count])).Status));
            rounds.Add((bytes[0], bytes[1]));
        }
        while (rounds.Count < MostRounds && (rounds.Min(round => round.Gateway) > Limit || rounds.Min(round => round.Service) > Limit));

        var seen = string.Join(
            "; ", rounds.Select(round => string.Create(CultureInfo.InvariantCulture, $"{round.Gateway:N0} and {round.Service:N0}")));
        TestContext.Current.TestOutputHelper?.WriteLine(seen);
        Assert.True(rounds.Min(round => round.Gateway) <= Limit, $"More than {Limit} bytes in the gateway. By round: {seen}");
        Assert.True(rounds.Min(round => round.Service) <= Limit, $"More than {Limit} bytes in the resource service. By round: {seen}");
    }

    private static Dictionary<string, string> With(
        IReadOnlyDictionary<string, string> settings, Dictionary<string, string>? more = null)
    {
        // HTTP/1.1 inside, for which the limit is.
        var all = new Dictionary<string, string>(
            [.. settings.Where(setting => !setting.Key.Contains(":HttpRequest:", StringComparison.Ordinal)), .. Measured]);
        foreach (var (key, value) in more ?? [])
        {
            all[key] = value;
        }

        return all;
    }
}
