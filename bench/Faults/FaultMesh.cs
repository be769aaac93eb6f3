using System.Security.Cryptography;
using AuthMesh.LocalMesh;
using AuthMesh.LocalMesh.Processes;
using AuthMesh.TestMesh;
using Npgsql;

namespace AuthMesh.Bench.Faults;

/// <param name="Replicas">Of identity and resource service. The gateway, which the load calls, is always one.</param>
/// <param name="PoolSize">The connections to PostgreSQL of each identity service.</param>
/// <param name="SmallDisk">Whether PostgreSQL keeps its files on a disk of its own that can be filled.</param>
/// <param name="FakeTime">Whether the clocks of the gateway and the resource services can be changed while they run.</param>
/// <param name="OnStale">What verifiers do with tokens after 5 s without the feed: `Reject` or `Accept`.</param>
internal sealed record FaultOptions(
    int Replicas = 1, int PoolSize = 20, bool SmallDisk = false, bool FakeTime = false, string OnStale = "Reject");

/// <summary>
/// A mesh on its own PostgreSQL whose parts can be broken one by one. A relay stands before the database, and another one before the
/// identity service as the verifiers see it: their feed, their keys, and the gateway's exchange of cookies.
/// </summary>
internal sealed class FaultMesh : IAsyncDisposable
{
    private readonly string folder;

    private FaultMesh(string folder, SmallDisk? disk, WrongClock? clock) => (this.folder, Disk, Clock) = (folder, disk, clock);

    public Mesh Mesh { get; private set; } = null!;

    public PostgresServer Postgres { get; private set; } = null!;

    public Relay BeforeDatabase { get; private set; } = null!;

    public Relay BeforeIssuer { get; private set; } = null!;

    public SmallDisk? Disk { get; }

    public WrongClock? Clock { get; }

    public static async Task<FaultMesh> StartAsync(FaultOptions options, CancellationToken cancellation)
    {
        var folder = TemporaryFolder.Create();
        var mesh = new FaultMesh(
            folder, options.SmallDisk ? await SmallDisk.MountAsync(folder) : null, options.FakeTime ? new WrongClock(folder) : null);
        try
        {
            await mesh.StartPartsAsync(options, cancellation);
            return mesh;
        }
        catch
        {
            await mesh.DisposeAsync();
            throw;
        }
    }

    private async Task StartPartsAsync(FaultOptions options, CancellationToken cancellation)
    {
        Postgres = await PostgresServer.StartAsync(Disk?.Folder);
        BeforeDatabase = new Relay(Postgres.Port);
        var identityPort = Ports.Free();
        BeforeIssuer = new Relay(identityPort);
        var production = InProduction.On(
            new NpgsqlConnectionStringBuilder(Postgres.ConnectionString) { Port = BeforeDatabase.Port, MaxPoolSize = options.PoolSize }
                .ConnectionString,
            new Dictionary<string, string>(Unthrottled.WithCheapHashes)
            {
                ["Identity:MasterKey"] = Convert.ToBase64String(RandomNumberGenerator.GetBytes(32)),
                ["Identity:FirstAdmin:GeneratedPasswordFile"] = Path.Combine(folder, "admin-password"),
            });
        // With two replicas, the verifiers know the second one at its own address: only the first one's feed can be cut.
        Dictionary<string, string> verifiers = new(Clock?.Settings ?? new Dictionary<string, string>());
        if (options.Replicas == 1)
        {
            verifiers["AuthMesh:IdentityUrl"] = Loopback.Origin(BeforeIssuer.Port);
        }

        Mesh = await Mesh.StartAsync(
            production with
            {
                IdentityPort = identityPort,
                IdentityReplicas = options.Replicas,
                ResourceReplicas = options.Replicas,
                Settings = new Dictionary<string, string>(production.Settings)
                {
                    ["AuthMesh:Revocations:OnStale"] = options.OnStale, ["AuthMesh:Revocations:StaleAfter"] = "00:00:05",
                },
                ResourceSettings = verifiers,
                GatewaySettings = verifiers,
            },
            cancellation);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var service in Mesh?.Services ?? [])
        {
            if (!service.Exited.IsCompleted)
            {
                service.Resume();
            }
        }

        await (Mesh?.DisposeAsync() ?? ValueTask.CompletedTask);
        BeforeIssuer?.Dispose();
        BeforeDatabase?.Dispose();
        await (Postgres?.DisposeAsync() ?? ValueTask.CompletedTask);
        await (Disk?.UnmountAsync() ?? Task.CompletedTask);
        TemporaryFolder.Delete(folder);
    }
}
