using AuthMesh.Gateway.Destinations;
using AuthMesh.LocalMesh;
using AuthMesh.Replicas;
using AuthMesh.Settings;
using AuthMesh.Tests.Harness;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Health;
using Yarp.ReverseProxy.ServiceDiscovery;

namespace AuthMesh.Tests.Replicas;

/// <summary>
/// The proxy library with the gateway's code for destinations, and names that a test resolves. A whole gateway would ask the system.
/// </summary>
internal sealed class SmallProxy : IAsyncDisposable
{
    private readonly WebApplication app;
    private readonly FakeTimeProvider clock;

    private SmallProxy(WebApplication app, FakeTimeProvider clock) => (this.app, this.clock) = (app, clock);

    public Caller Caller { get; private set; } = null!;

    /// <param name="server">Resolves the names.</param>
    /// <param name="address">Of the one destination.</param>
    /// <param name="isProbed">Whether destinations are probed, every 50 ms.</param>
    public static async Task<SmallProxy> StartAsync(NameServer server, string address, bool isProbed = false)
    {
        var clock = new FakeTimeProvider();
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { ContentRootPath = Path.GetTempPath() });
        builder.Logging.ClearProviders();
        var names = new NameAddresses(
            server.LookUp, Options.Create(new AuthMeshOptions()), clock, NullLogger<NameAddresses>.Instance);
        builder.Services.AddSingleton(names).AddHostedService(_ => names);
        builder.Services.AddReverseProxy()
            .LoadFromMemory(
                [new() { RouteId = "all", ClusterId = "one", Match = new() { Path = "{**rest}" } }], [Cluster(address, isProbed)])
            .ConfigureHttpClient((_, handler) => handler.SslOptions.RemoteCertificateValidationCallback = (_, _, _, errors) =>
                !errors.HasFlag(System.Net.Security.SslPolicyErrors.RemoteCertificateNameMismatch));
        builder.Services.AddSingleton<IDestinationResolver, ResolveDestinations>();
        builder.Services.AddSingleton<SilentDestinations>();
        builder.Services.AddSingleton<IActiveHealthCheckPolicy, JudgeProbes>();
        builder.Services.AddSingleton<IAvailableDestinationsPolicy, ReadyDestinations>();
        var proxy = new SmallProxy(builder.Build(), clock);
        proxy.app.MapReverseProxy();
        proxy.app.Urls.Add(Loopback.Origin(0));
        await proxy.app.StartAsync(TestContext.Current.CancellationToken);
        proxy.Caller = new Caller(new Uri(proxy.app.Urls.First()));
        return proxy;
    }

    /// <summary>Lets the proxy look up its names until a condition holds.</summary>
    public Task UntilAsync(Func<Task<bool>> condition) => Patience.UntilAsync(() =>
    {
        clock.Advance(TimeSpan.FromSeconds(2));
        return condition();
    });

    /// <summary>The addresses and hosts of some requests.</summary>
    public async Task<HashSet<string>> AskAsync()
    {
        HashSet<string> answers = [];
        for (var i = 0; i < 24; i++)
        {
            answers.Add((await Caller.GetAsync("/")).ToString());
        }

        return answers;
    }

    public async ValueTask DisposeAsync()
    {
        Caller.Dispose();
        using var now = new CancellationTokenSource(TimeSpan.Zero);
        await app.StopAsync(now.Token);
        await app.DisposeAsync();
    }

    private static ClusterConfig Cluster(string address, bool isProbed) => new()
    {
        ClusterId = "one",
        LoadBalancingPolicy = "RoundRobin",
        Destinations = new Dictionary<string, DestinationConfig> { ["one"] = new() { Address = address } },
        HealthCheck = new()
        {
            AvailableDestinationsPolicy = ReadyDestinations.PolicyName,
            Active = new()
            {
                Enabled = isProbed,
                Interval = TimeSpan.FromMilliseconds(50),
                Policy = JudgeProbes.PolicyName,
                Path = "/health/ready",
            },
        },
    };
}
