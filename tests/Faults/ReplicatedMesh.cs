using AuthMesh.LocalMesh;
using AuthMesh.TestMesh;
using AuthMesh.Tests.Harness;
using Npgsql;

namespace AuthMesh.Tests.Faults;

/// <summary>
/// Two replicas of every service on their own database. The identity services reach it through a relay that can fall silent.
/// </summary>
public sealed class ReplicatedMesh(ProductionMesh production) : IAsyncLifetime
{
    private readonly string folder = Directory.CreateTempSubdirectory("authmesh-tests-").FullName;
    private Relay relay = null!;

    public Mesh Mesh { get; private set; } = null!;

    /// <summary>A direct connection, without the relay.</summary>
    public Database Database { get; private set; } = null!;

    public IReadOnlyList<Caller> Gateways { get; private set; } = [];

    public IReadOnlyList<Caller> Identities { get; private set; } = [];

    public IReadOnlyList<Caller> Resources { get; private set; } = [];

    /// <summary>Every replica that answers at /protected.</summary>
    public IEnumerable<Caller> Verifiers => Gateways.Concat(Resources);

    public async ValueTask InitializeAsync()
    {
        var direct = new NpgsqlConnectionStringBuilder(await production.Postgres.CreateDatabaseAsync());
        relay = new Relay(direct.Port);
        Database = new Database(direct.ConnectionString);
        var cut = new NpgsqlConnectionStringBuilder(direct.ConnectionString)
        {
            Host = Loopback.Address.ToString(),
            Port = relay.Port,
            MaxPoolSize = 10,
            Timeout = 3, // this and the next are the identity service's defaults
            CommandTimeout = 2,
        };
        var settings = new Dictionary<string, string>(Unthrottled.WithCheapHashes)
        {
            ["Identity:MasterKey"] = OwnDatabase.NewMasterKey(),
            ["Identity:FirstAdmin:GeneratedPasswordFile"] = Path.Combine(folder, "admin-password"),
        };
        var options = InProduction.On(cut.ConnectionString, settings);
        Mesh = await Mesh.StartAsync(options with
        {
            IdentityReplicas = 2,
            ResourceReplicas = 2,
            GatewayReplicas = 2,
            Settings = new Dictionary<string, string>(options.Settings) { ["AuthMesh:Revocations:StaleAfter"] = "00:00:05" },
        });
        Gateways = Callers(Mesh.Gateways);
        Identities = Callers(Mesh.Identities);
        Resources = Callers(Mesh.Resources);
    }

    /// <summary>Restores the parts that an earlier test left broken, so that one failure does not cause others.</summary>
    public async Task WholeAsync()
    {
        relay.Speak();
        foreach (var service in Mesh.Services)
        {
            service.Resume();
            if (service.Exited.IsCompleted)
            {
                await service.RestartAsync();
            }
        }

        foreach (var service in Gateways.Concat(Resources).Concat(Identities))
        {
            await Patience.UntilAsync(() => service.GetAsync("/health/ready"), answer => answer.Message == "Ready");
        }
    }

    /// <summary>Keeps the identity services' connections to PostgreSQL open, but passes nothing on.</summary>
    public void CutFromPostgres() => relay.FallSilent();

    public async Task<(string Username, string Password, string Token)> SignUpAsync()
    {
        var (username, password) = (ProductionMesh.NewName(), "a password for a test");
        Assert.Equal(200, (await Gateways[0].RegisterAsync(username, password)).Status);
        return (username, password, await Gateways[0].TokenAsync(username, password));
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var caller in Gateways.Concat(Resources).Concat(Identities))
        {
            caller.Dispose();
        }

        if (Mesh is not null)
        {
            await Mesh.DisposeAsync();
        }

        relay?.Dispose();
        Directory.Delete(folder, recursive: true);
    }

    private static List<Caller> Callers(IEnumerable<ServiceProcess> services) =>
        [.. services.Select(service => new Caller(service))];
}
