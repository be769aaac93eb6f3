using System.Net;
using AuthMesh.LocalMesh.Processes;
using Npgsql;

namespace AuthMesh.LocalMesh;

/// <summary>PostgreSQL and the services as processes of this machine. Nothing restarts by itself: what a test kills stays dead.</summary>
public sealed class Mesh : IAsyncDisposable
{
    // YARP's destinations are named, not numbered, in configuration.
    private static readonly string[] ReplicaNames = ["one", "two", "three", "four", "five", "six", "seven", "eight"];

    private readonly MeshOptions options;
    private readonly DataFolder folder;
    private readonly List<ServiceProcess> identities = [], resources = [], gateways = [];

    private Mesh(MeshOptions options, DataFolder folder) => (this.options, this.folder) = (options, folder);

    public ServiceProcess Identity => identities[0];

    public ServiceProcess Resource => resources[0];

    public ServiceProcess Gateway => gateways[0];

    public IReadOnlyList<ServiceProcess> Identities => identities;

    public IReadOnlyList<ServiceProcess> Resources => resources;

    public IReadOnlyList<ServiceProcess> Gateways => gateways;

    public IReadOnlyList<ServiceProcess> Services => [.. identities, .. resources, .. gateways];

    /// <summary>Null where a connection string named a database that runs already.</summary>
    public IPostgres? Postgres { get; private set; }

    /// <summary>The identity service's database, with the password, for looking into tables.</summary>
    public string ConnectionString => options.ConnectionString ?? Postgres!.ConnectionString;

    /// <summary>Where the first admin's password is, where it was generated and still lies there; null otherwise.</summary>
    public string? FirstAdminPasswordFile => File.Exists(folder.FirstAdminPasswordFile) ? folder.FirstAdminPasswordFile : null;

    internal Action<string> Report => options.Report;

    private bool BringsServiceKey => options.Settings.Keys.Any(key => key is "AuthMesh:ServiceKey" or "AuthMesh:ServiceKeyFile");

    private bool BringsMasterKey =>
        options.Settings.Concat(options.IdentitySettings).Any(setting => setting.Key is "Identity:MasterKey" or "Identity:MasterKeyFile");

    /// <summary>Returns when every service is ready. What was started is stopped again if one does not get there.</summary>
    /// <exception cref="MeshException">With what is wrong, for a person, and the last lines of the log that tells.</exception>
    public static async Task<Mesh> StartAsync(MeshOptions options, CancellationToken cancellation = default)
    {
        var mesh = new Mesh(options, DataFolder.Open(options.DataFolder ?? TemporaryFolder.Create()));
        try
        {
            await mesh.StartAsync(cancellation);
            return mesh;
        }
        catch
        {
            await mesh.DisposeAsync();
            throw;
        }
    }

    private async Task StartAsync(CancellationToken cancellation)
    {
        await folder.EndLeftoversAsync(Report);
        RefuseTakenPorts();
        if (!BringsMasterKey) MasterKey.Ensure(folder.MasterKeyFile, PostgresSources.HasCluster(folder.Path));
        if (!BringsServiceKey) ServiceKey.Ensure(folder.ServiceKeyFile);
        if (options.ConnectionString is null)
        {
            Postgres = await PostgresSources.StartAsync(folder.Path, options.PostgresSource, options.PostgresPort, Report);
            RecordWhatRuns();
        }

        cancellation.ThrowIfCancellationRequested();
        await StartServicesAsync();
        if (Postgres is not null)
        {
            await Cluster.WaitUntilAnswersAsync(Postgres);
            Report($"PostgreSQL answers on {new IPEndPoint(Loopback.Address, Postgres.Port)}: {Postgres.Description}");
        }

        foreach (var service in Services)
        {
            await service.WaitUntilReadyAsync(cancellation: cancellation);
            Report($"{service.Name} is ready at {Origin(service)}");
        }
    }

    private void RefuseTakenPorts()
    {
        Ports.RefuseTaken(options.GatewayPort, "--port");
        Ports.RefuseTaken(options.IdentityPort, "--identity-port");
        Ports.RefuseTaken(options.ResourcePort, "--resource-port");
        Ports.RefuseTaken(options.PostgresPort, "--postgres-port");
    }

    /// <summary>All at once, and while PostgreSQL starts: each waits for what it needs.</summary>
    private async Task StartServicesAsync()
    {
        var gatewayPort = Ports.FreeOr(options.GatewayPort);
        var issuer = options.Issuer ?? $"http://localhost:{gatewayPort}";
        var common = new Dictionary<string, string> { ["AuthMesh:Issuer"] = issuer };
        if (!BringsServiceKey) common["AuthMesh:ServiceKeyFile"] = folder.ServiceKeyFile;
        var identity = new Dictionary<string, string>([.. common, .. DatabaseSettings()])
        {
            ["Identity:DemoUsers"] = options.DemoUsers ? "true" : "false",
            ["Identity:FirstAdmin:GeneratedPasswordFile"] = folder.FirstAdminPasswordFile,
        };
        if (!BringsMasterKey) identity["Identity:MasterKeyFile"] = folder.MasterKeyFile;
        await StartReplicasAsync(
            identities, "identity-service", options.IdentityReplicas, options.IdentityPort, Merged(identity, options.IdentitySettings));

        var inner = new Dictionary<string, string>(common) { ["AuthMesh:IdentityUrl"] = string.Join(',', identities.Select(Origin)) };
        await StartReplicasAsync(
            resources, "resource-service", options.ResourceReplicas, options.ResourcePort, MergedOutside(inner, options.ResourceSettings));

        var destinations = Destinations("identity", identities).Concat(Destinations("resource", resources));
        await StartReplicasAsync(
            gateways, "gateway", options.GatewayReplicas, gatewayPort, MergedOutside(inner.Concat(destinations), options.GatewaySettings));
    }

    private async Task StartReplicasAsync(
        List<ServiceProcess> replicas, string name, int count, int firstPort, IReadOnlyDictionary<string, string> settings)
    {
        for (var replica = 0; replica < count; replica++)
        {
            var log = folder.LogOf(replica == 0 ? name : $"{name}-{ReplicaNames[replica]}");
            var program = options.PublishedServices is { } published ? ServiceOutput.Published(published, name) : null;
            var service = await ServiceProcess.StartAsync(name, settings, options.Environment, replica == 0 ? firstPort : 0, log, program);
            replicas.Add(service);
            RecordWhatRuns();
        }
    }

    /// <summary>What the mesh says itself, over it what was set for every service, over that what was set for this one.</summary>
    private Dictionary<string, string> Merged(IEnumerable<KeyValuePair<string, string>> own, IReadOnlyDictionary<string, string> forService)
    {
        Dictionary<string, string> merged = [];
        foreach (var (key, value) in own.Concat(options.Settings).Concat(forService)) merged[key] = value;
        return merged;
    }

    // Only the identity service may know the master key and the way to the database.
    private Dictionary<string,
        string> MergedOutside(IEnumerable<KeyValuePair<string, string>> own, IReadOnlyDictionary<string, string> forService)
    {
        var merged = Merged(own, forService);
        foreach (var key in merged.Keys.Where(key => key.StartsWith("Identity:", StringComparison.OrdinalIgnoreCase))
            .ToList()) merged.Remove(key);
        return merged;
    }

    /// <summary>To be called whenever another process than before stands behind a part.</summary>
    internal void RecordWhatRuns() =>
        folder.Record([(Postgres as PostgresServer)?.Identity, .. Services.Select(service => service.Identity)]);

    private Dictionary<string, string> DatabaseSettings()
    {
        if (Postgres is null) return new() { ["Identity:Database:ConnectionString"] = ConnectionString };

        var withoutPassword = new NpgsqlConnectionStringBuilder(ConnectionString);
        withoutPassword.Remove("Password");
        return new()
        {
            ["Identity:Database:ConnectionString"] = withoutPassword.ConnectionString,
            ["Identity:Database:PasswordFile"] = Postgres.PasswordFile,
        };
    }

    private static IEnumerable<KeyValuePair<string, string>> Destinations(string cluster, IEnumerable<ServiceProcess> replicas) =>
        replicas.Zip(ReplicaNames, (replica, name) =>
            KeyValuePair.Create($"ReverseProxy:Clusters:{cluster}:Destinations:{name}:Address", $"{Origin(replica)}/"));

    private static string Origin(ServiceProcess service) => service.Address.GetLeftPart(UriPartial.Authority);

    /// <summary>The gateways first, so that what they have let in is still answered; PostgreSQL last.</summary>
    public async ValueTask DisposeAsync()
    {
        await Task.WhenAll(gateways.Select(gateway => gateway.StopAsync()));
        await Task.WhenAll(Services.Select(service => service.StopAsync()));
        if (Postgres is not null) await Postgres.DisposeAsync();
        folder.Dispose();
        if (options.DataFolder is null) TemporaryFolder.Delete(folder.Path);
    }
}
