using AuthMesh.LocalMesh.Processes;
using Npgsql;

namespace AuthMesh.Bench.FailOver;

/// <summary>The cluster of <c>deploy/ha/docker-compose.yml</c>, which runs already, by the addresses of its containers.</summary>
internal sealed class ComposeCluster : Cluster
{
    private readonly IReadOnlyList<ComposeNode> nodes;

    private ComposeCluster(IReadOnlyList<ComposeNode> nodes) => this.nodes = nodes;

    protected override IReadOnlyList<INode> Nodes => nodes;

    public static async Task<ComposeCluster> FindAsync()
    {
        ComposeNode[] nodes = [new("node-one"), new("node-two"), new("node-three")];
        foreach (var node in nodes)
        {
            await node.ReadAddressAsync();
        }

        return new ComposeCluster(nodes);
    }

    public override async Task<NpgsqlConnection> ConnectAsync()
    {
        var leader = (ComposeNode)await FindAsync("leader");
        var connection = new NpgsqlConnection(
            $"Host={leader.Address};Username=postgres;Password=authmesh-development;Database=authmesh;Pooling=false");
        await connection.OpenAsync();
        return connection;
    }

    public override ValueTask DisposeAsync() => ValueTask.CompletedTask; // the containers are the caller's
}

/// <summary>A node in a container.</summary>
internal sealed class ComposeNode : INode
{
    private const string Project = "authmesh-ha", Database = $"{Project}_database", Consensus = $"{Project}_consensus";

    private readonly string container;

    public ComposeNode(string name)
    {
        (Name, container) = (name, $"{Project}-{name}-1");
        Patroni = new PatroniApi(() => Address is null ? null : new Uri($"http://{Address}:8008"));
    }

    public string Name { get; }

    public PatroniApi Patroni { get; }

    /// <summary>Null while the container is cut off or stopped.</summary>
    public string? Address { get; private set; }

    public async Task ReadAddressAsync()
    {
        // With a template for one network, the engine would say "invalid IP" for a container that is not in it.
        const string Template = "{{range $name, $network := .NetworkSettings.Networks}}{{$name}}={{$network.IPAddress}} {{end}}";
        var networks = await DockerAsync("inspect", "--format", Template, container);
        Address = networks.Split(' ').FirstOrDefault(network => network.StartsWith(Database + "=", StringComparison.Ordinal))
            ?[(Database.Length + 1)..] is { Length: > 0 } found ? found : null;
    }

    public Task KillPostmasterAsync() => DockerAsync(
        "exec", container, "sh", "-c", "kill -9 $(head -n 1 /var/lib/postgresql/node/data/postmaster.pid)");

    public async Task KillAsync()
    {
        await DockerAsync("kill", container);
        await ReadAddressAsync();
    }

    public async Task StartAsync()
    {
        await DockerAsync("start", container);
        await ReadAddressAsync();
    }

    /// <summary>Takes the container out of its networks.</summary>
    public async Task CutOffAsync()
    {
        await DockerAsync("network", "disconnect", "--force", Consensus, container);
        await DockerAsync("network", "disconnect", "--force", Database, container);
        await ReadAddressAsync();
    }

    public async Task ReconnectAsync()
    {
        await DockerAsync("network", "connect", "--alias", Name, Consensus, container);
        await DockerAsync("network", "connect", "--alias", Name, Database, container);
        await ReadAddressAsync();
    }

    public string ReadLog() => Command.Run(["docker", "logs", "--tail", "8", container]).Output;

    private static async Task<string> DockerAsync(params string[] arguments)
    {
        var done = await Command.RunAsync(["docker", .. arguments]);
        return done.Succeeded ? done.Output
            : throw new InvalidOperationException($"docker {string.Join(' ', arguments)}: {done.Output}");
    }
}
