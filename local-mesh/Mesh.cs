using System.Net;
using AuthMesh.LocalMesh.Processes;
using Npgsql;

namespace AuthMesh.LocalMesh;

/// <summary>Runs PostgreSQL and the services as local processes. It restarts nothing: a process that a test kills stays dead.</summary>
public sealed class Mesh : IAsyncDisposable
{
    // In configuration, YARP's destinations have names, not numbers.
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

    /// <summary>Null if a connection string names a database that already runs.</summary>
    public IPostgres? Postgres { get; private set; }

    /// <summary>The connection string of the identity service's database, with the password, for queries by hand or by tests.</summary>
    public string ConnectionString => options.ConnectionString ?? Postgres!.ConnectionString;

    /// <summary>The file with the first admin's generated password; null if it does not exist.</summary>
    public string? FirstAdminPasswordFile => File.Exists(folder.FirstAdminPasswordFile) ? folder.FirstAdminPasswordFile : null;

    /// <summary>The folder that gets each mail as a file, see <see cref="MeshOptions.WritesMails"/>.</summary>
    public string MailFolder => folder.MailFolder;

    internal Action<string> Report => options.Report;

    private bool BringsServiceKey => options.Settings.Keys.Any(key => key is "AuthMesh:ServiceKey" or "AuthMesh:ServiceKeyFile");

    private bool BringsMasterKey =>
        options.Settings.Concat(options.IdentitySettings).Any(setting => setting.Key is "Identity:MasterKey" or "Identity:MasterKeyFile");

    /// <summary>Returns when every service is ready. If one does not become ready, it stops all that it started.</summary>
    /// <exception cref="MeshException">The message says what is wrong and shows the last lines of the relevant log.</exception>
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

    /// <summary>Starts all services at once, while PostgreSQL starts: each waits for its own dependencies.</summary>
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
        if (options.WritesMails)
        {
            identity["Identity:Mail:PickupFolder"] = folder.MailFolder;
            identity["Identity:Mail:From"] = "AuthMesh <authmesh@localhost>";
        }

        await StartReplicasAsync(
            identities, "identity-service", options.IdentityReplicas, options.IdentityPort, Merged(identity, options.IdentitySettings));

        var inner = new Dictionary<string, string>(common) { ["AuthMesh:IdentityUrl"] = string.Join(',', identities.Select(Origin)) };
        await StartReplicasAsync(
            resources, "resource-service", options.ResourceReplicas, options.ResourcePort, MergedOutside(inner, options.ResourceSettings));

        var destinations = Destinations("identity", identities).Concat(Destinations("resource", resources));
        await StartReplicasAsync(
            gateways, "gateway", options.GatewayReplicas, gatewayPort,
            MergedOutside([.. inner, .. destinations, .. AllowedHosts()], options.GatewaySettings));
    }

    private async Task StartReplicasAsync(
        List<ServiceProcess> replicas, string name, int count, int firstPort, IReadOnlyDictionary<string, string> settings)
    {
        for (var replica = 0; replica < count; replica++)
        {
            var log = folder.LogOf(replica == 0 ? name : $"{name}-{ReplicaNames[replica]}");
            var program = options.PublishedServices is { } published ? ServiceOutput.Published(published, name) : null;
            var port = replica == 0 ? firstPort : 0;
            var service = await ServiceProcess.StartAsync(
                name, settings, options.Environment, port, log, program, options.Start, options.Http2Inside && name != "gateway");
            replicas.Add(service);
            RecordWhatRuns();
        }
    }

    /// <summary>Merges settings: those for this service override those for every service, which override the mesh's own.</summary>
    private Dictionary<string, string> Merged(IEnumerable<KeyValuePair<string, string>> own, IReadOnlyDictionary<string, string> forService)
    {
        Dictionary<string, string> merged = [];
        foreach (var (key, value) in own.Concat(options.Settings).Concat(forService)) merged[key] = value;
        return merged;
    }

    // Only the identity service may know the master key and the database's connection string.
    private Dictionary<string,
        string> MergedOutside(IEnumerable<KeyValuePair<string, string>> own, IReadOnlyDictionary<string, string> forService)
    {
        var merged = Merged(own, forService);
        foreach (var key in merged.Keys.Where(key => key.StartsWith("Identity:", StringComparison.OrdinalIgnoreCase))
            .ToList()) merged.Remove(key);
        return merged;
    }

    /// <summary>Records the running processes. Call it whenever a part runs as a new process.</summary>
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

    // Callers on the same machine use loopback names, also if the issuer has another name.
    private IEnumerable<KeyValuePair<string, string>> AllowedHosts() =>
        options is { Environment: not "Development", AllowsLoopbackNames: true }
            ? Loopback.Names.Select((name, i) => KeyValuePair.Create($"Gateway:AllowedHosts:{i}", name))
            : [];

    private static IEnumerable<KeyValuePair<string, string>> Destinations(string cluster, IReadOnlyList<ServiceProcess> replicas)
    {
        var key = $"ReverseProxy:Clusters:{cluster}:";
        foreach (var (replica, name) in replicas.Zip(ReplicaNames))
        {
            yield return new($"{key}Destinations:{name}:Address", (replica.Http2Address ?? replica.Address).AbsoluteUri);
        }

        if (replicas.Any(replica => replica.Http2Address is not null))
        {
            yield return new($"{key}HttpRequest:Version", "2");
            yield return new($"{key}HttpRequest:VersionPolicy", "RequestVersionExact");
        }
    }

    private static string Origin(ServiceProcess service) => service.Address.GetLeftPart(UriPartial.Authority);

    /// <summary>Stops the gateways first, so that requests in progress are still answered, and PostgreSQL last.</summary>
    public async ValueTask DisposeAsync()
    {
        await Task.WhenAll(gateways.Select(gateway => gateway.StopAsync()));
        await Task.WhenAll(Services.Select(service => service.StopAsync()));
        if (Postgres is not null) await Postgres.DisposeAsync();
        folder.Dispose();
        if (options.DataFolder is null) TemporaryFolder.Delete(folder.Path);
    }
}
