using AuthMesh.LocalMesh;
using AuthMesh.LocalMesh.Processes;
using AuthMesh.TestMesh;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.ShortPath;
using AuthMesh.Tests.Tls;

namespace AuthMesh.Tests.Health;

/// <summary>The probe that the containers' health checks run, as a separate process.</summary>
public sealed class HealthProbeTests(ProductionMesh mesh)
{
    [Theory]
    [InlineData("ASPNETCORE_URLS", "http://LOOPBACK:PORT")]
    [InlineData("ASPNETCORE_URLS", "http://localhost:PORT")]
    [InlineData("ASPNETCORE_URLS", "http://[::]:PORT")]
    [InlineData("ASPNETCORE_URLS", "http://0.0.0.0:PORT")]
    [InlineData("ASPNETCORE_URLS", "http://*:PORT;http://127.0.0.1:9")]
    [InlineData("ASPNETCORE_HTTP_PORTS", "PORT")]
    public async Task The_probe_succeeds_for_a_ready_service(string name, string value)
    {
        var address = value
            .Replace("LOOPBACK:PORT", mesh.Resource.Address.Authority, StringComparison.Ordinal)
            .Replace("PORT", $"{mesh.Resource.Address.Port}", StringComparison.Ordinal);

        // A probe gives up after two seconds, and a busy machine may need as long to start its process.
        var probe = await Patience.UntilAsync(() => ProbeAsync(name, address), probe => probe.ExitCode == 0);

        Assert.Equal((0, "Ready"), (probe.ExitCode, probe.Output.Trim()));
    }

    [Fact]
    public async Task The_probe_fails_for_a_service_that_is_not_ready_and_shows_the_reason()
    {
        await using var waiting = await ServiceProcess.StartAsync("resource-service", new Dictionary<string, string>
        {
            ["AuthMesh:Issuer"] = ProductionMesh.Issuer,
            ["AuthMesh:ServiceKey"] = ProductionMesh.ServiceKey,
            ["AuthMesh:IdentityUrl"] = "http://127.0.0.1:9", // nothing listens there
        }, start: WithinThisProcess.StartAsync);

        var probe = await Patience.UntilAsync(
            () => ProbeAsync("ASPNETCORE_URLS", waiting.Address.ToString()),
            probe => !probe.Output.Contains("does not answer", StringComparison.Ordinal));

        Assert.Equal(
            (1, "Not ready: waiting for the signing keys; waiting for the revocation log"), (probe.ExitCode, probe.Output.Trim()));
    }

    [Fact]
    public async Task The_probe_fails_if_nothing_listens_and_says_so()
    {
        var probe = await ProbeAsync("ASPNETCORE_URLS", "http://127.0.0.1:9");

        probe.AssertExited(1);
        Assert.StartsWith("http://127.0.0.1:9/health/ready does not answer", probe.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("ASPNETCORE_URLS", "https://localhost:PORT")]
    [InlineData("ASPNETCORE_URLS", "https://*:PORT")]
    [InlineData("ASPNETCORE_HTTPS_PORTS", "PORT")]
    public async Task The_probe_of_a_service_that_only_speaks_TLS_does_not_judge_its_certificate(string name, string value)
    {
        using var folder = new CertificateFolder(TestAuthority.Shared.Issue("auth.example.test"));
        var port = Ports.Free();
        await using var service = await TestService.StartAsync(
            before: builder =>
            {
                foreach (var (key, setting) in folder.Settings("AuthMesh"))
                {
                    builder.Configuration[key] = setting;
                }
            },
            url: $"https://localhost:{port}");

        var probe = await Patience.UntilAsync(
            () => ProbeAsync(name, value.Replace("PORT", $"{port}", StringComparison.Ordinal)), probe => probe.ExitCode == 0);

        Assert.Equal("Ready", probe.Output.Trim());
    }

    private static Task<Finished> ProbeAsync(string name, string value) => Finished.RunAsync(
        [Checkout.DotNet, Checkout.Dll("resource-service"), "health"], new Dictionary<string, string> { [name] = value });
}
