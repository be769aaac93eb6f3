using AuthMesh.LocalMesh;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Health;

/// <summary>What the containers' health checks run, as a process of its own.</summary>
public sealed class HealthProbeTests(ProductionMesh mesh)
{
    [Theory]
    [InlineData("ASPNETCORE_URLS", "http://LOOPBACK:PORT")]
    [InlineData("ASPNETCORE_URLS", "http://localhost:PORT")]
    [InlineData("ASPNETCORE_URLS", "http://[::]:PORT")]
    [InlineData("ASPNETCORE_URLS", "http://0.0.0.0:PORT")]
    [InlineData("ASPNETCORE_URLS", "http://*:PORT;http://127.0.0.1:9")]
    [InlineData("ASPNETCORE_HTTP_PORTS", "PORT")]
    public async Task A_service_that_is_ready_is_found_ready(string name, string value)
    {
        var address = value
            .Replace("LOOPBACK:PORT", mesh.Resource.Address.Authority, StringComparison.Ordinal)
            .Replace("PORT", $"{mesh.Resource.Address.Port}", StringComparison.Ordinal);

        // A probe gives up after two seconds, which a busy machine may take for the start of its process.
        var probe = await Patience.UntilAsync(() => ProbeAsync(name, address), probe => probe.ExitCode == 0);

        Assert.Equal((0, "Ready"), (probe.ExitCode, probe.Output.Trim()));
    }

    [Fact]
    public async Task A_service_that_is_not_ready_fails_the_probe_with_its_reason()
    {
        await using var waiting = await ServiceProcess.StartAsync("resource-service", new Dictionary<string, string>
        {
            ["AuthMesh:Issuer"] = ProductionMesh.Issuer,
            ["AuthMesh:ServiceKey"] = ProductionMesh.ServiceKey,
            ["AuthMesh:IdentityUrl"] = "http://127.0.0.1:9", // nobody listens there
        });

        var probe = await Patience.UntilAsync(
            () => ProbeAsync("ASPNETCORE_URLS", waiting.Address.ToString()),
            probe => !probe.Output.Contains("does not answer", StringComparison.Ordinal));

        Assert.Equal(
            (1, "Not ready: waiting for the signing keys; waiting for the revocation log"), (probe.ExitCode, probe.Output.Trim()));
    }

    [Fact]
    public async Task Where_nobody_listens_the_probe_fails_and_says_so()
    {
        var probe = await ProbeAsync("ASPNETCORE_URLS", "http://127.0.0.1:9");

        probe.AssertExited(1);
        Assert.StartsWith("http://127.0.0.1:9/health/ready does not answer", probe.Output, StringComparison.Ordinal);
    }

    private static Task<Finished> ProbeAsync(string name, string value) => Finished.RunAsync(
        [Checkout.DotNet, Checkout.Dll("resource-service"), "health"], new Dictionary<string, string> { [name] = value });
}
