using System.Net;
using AuthMesh.LocalMesh;
using AuthMesh.LocalMesh.Processes;
using AuthMesh.Replicas;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Streams;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace AuthMesh.Tests.Replicas;

/// <summary>A service whose <c>AuthMesh:IdentityUrl</c> is a name with an address for each replica of the identity service.</summary>
public sealed class IssuerReplicaTests : IAsyncLifetime
{
    private const string Name = "identity.test";

    private static readonly IPAddress One = IPAddress.Parse("127.0.0.2"), Two = IPAddress.Parse("127.0.0.3");

    private readonly NameServer server = new();
    private readonly FakeIdentity one = new();
    private readonly FakeIdentity two;
    private readonly int servicePort = Ports.Free();
    private int identityPort;

    public IssuerReplicaTests() => two = new FakeIdentity(one);

    public async ValueTask InitializeAsync()
    {
        one.Publish();
        await one.StartAsync(0, One);
        identityPort = one.Address.Port;
        await two.StartAsync(identityPort, Two);
    }

    [Fact]
    public async Task A_revocation_counts_from_each_address_of_the_name_and_each_is_asked_for_the_name()
    {
        server.Set(Name, $"{One}", $"{Two}");
        await using var service = await StartAsync();
        using var caller = Caller();
        await Patience.UntilAsync(() => one.TimesListened > 0 && two.TimesListened > 0);

        foreach (var replica in new[] { one, two })
        {
            var (_, claims) = replica.SignIn();
            var token = replica.Sign(claims);
            Assert.Equal(200, (await caller.GetAsync("/guarded", token)).Status);

            replica.Tell("session-ended", new { sid = claims["sid"]!.GetValue<string>() });

            await Patience.UntilAsync(async () => (await caller.GetAsync("/guarded", token)).Status == 401);
            Assert.Equal([$"{Name}:{identityPort}"], replica.Hosts.Keys);
        }
    }

    [Fact]
    public async Task A_replica_that_appears_is_listened_to_and_an_address_that_is_gone_is_not_called_again()
    {
        server.Set(Name, $"{One}");
        await using var service = await StartAsync();
        await Patience.UntilAsync(() => one.TimesListened > 0);
        Assert.Equal(0, two.TimesListened);

        server.Set(Name, $"{Two}");
        await Patience.UntilAsync(() => two.TimesListened > 0);

        var listened = one.TimesListened;
        await one.DisposeAsync();
        await one.StartAsync(identityPort, One);
        var lookups = server.Lookups;
        await Patience.UntilAsync(() => server.Lookups > lookups); // longer than ten pauses between two attempts
        Assert.Equal(listened, one.TimesListened);
    }

    [Fact]
    public async Task Another_address_is_tried_when_one_does_not_answer()
    {
        server.Set(Name, "127.0.0.4", "127.0.0.5", $"{Two}");
        await using var service = await StartAsync(); // which needs the keys
        using var caller = Caller();

        Assert.Equal(200, (await caller.GetAsync("/guarded", two.Sign(two.SignIn().Claims))).Status);
    }

    [Fact]
    public async Task A_service_starts_before_the_name_resolves_and_becomes_ready_by_itself()
    {
        var resolving = Task.Run(async () =>
        {
            await Patience.UntilAsync(() => server.Lookups > 0);
            server.Set(Name, $"{One}");
        }, TestContext.Current.CancellationToken);

        await using var service = await StartAsync(); // waits until it is ready

        await resolving;
        Assert.True(one.TimesListened > 0);
    }

    public async ValueTask DisposeAsync()
    {
        await one.DisposeAsync();
        await two.DisposeAsync();
    }

    private Caller Caller() => new(new Uri(Loopback.Origin(servicePort)));

    private Task<MeshService> StartAsync() => MeshService.StartAsync(
        servicePort, one, app => app.MapGet("/guarded", () => "guarded"), builder =>
        {
            builder.Configuration["AuthMesh:IdentityUrl"] = $"http://{Name}:{identityPort}";
            builder.Configuration["AuthMesh:ResolveInterval"] = "00:00:01";
            builder.Services.AddSingleton(server.LookUp);
        });
}
