using System.Security.Cryptography;
using AuthMesh.LocalMesh;
using AuthMesh.LocalMesh.Processes;
using Npgsql;

namespace AuthMesh.Bench.FailOver;

/// <summary>The cluster and one etcd as processes of this machine, on loopback.</summary>
internal sealed class LocalCluster : Cluster
{
    private const string User = "authmesh";

    private static readonly string[] Names = ["one", "two", "three"];

    private readonly string etcdFolder, superuserPassword = Secret(), userPassword = Secret();
    private readonly ChildProcess etcd;
    private readonly IReadOnlyList<LocalNode> nodes;

    private LocalCluster(ChildProcess etcd, string etcdFolder, int etcdPort)
    {
        (this.etcd, this.etcdFolder) = (etcd, etcdFolder);
        var secrets = (superuserPassword, Secret());
        nodes = [.. Names.Select(name => new LocalNode(name, etcdPort, secrets))];
    }

    /// <summary>For the identity service: names every node.</summary>
    public string ConnectionString => new NpgsqlConnectionStringBuilder
    {
        Host = string.Join(',', nodes.Select(node => $"{Loopback.Address}:{node.Port}")),
        Username = User,
        Password = userPassword,
        Database = User,
    }.ConnectionString;

    protected override IReadOnlyList<INode> Nodes => nodes;

    /// <summary>Starts the processes. <see cref="PrepareAsync"/> waits for them.</summary>
    public static async Task<LocalCluster> LaunchAsync()
    {
        var (folder, port) = (TemporaryFolder.Create(), Ports.Free());
        var (client, peer) = ($"http://{Loopback.Address}:{port}", $"http://{Loopback.Address}:{Ports.Free()}");
        var etcd = await ChildProcess.StartAsync(new ChildCommand(
            "etcd",
            [
                "etcd", "--data-dir", Path.Combine(folder, "data"), "--listen-client-urls", client, "--advertise-client-urls", client,
                "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", $"default={peer}",
                "--logger", "zap", "--log-level", "warn",
            ],
            folder, Path.Combine(folder, "etcd.log")));
        var cluster = new LocalCluster(etcd, folder, port);
        try
        {
            foreach (var node in cluster.nodes)
            {
                await node.StartAsync();
            }

            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    /// <summary>Returns when the cluster has a primary with two standbys, and a database for the service.</summary>
    public async Task PrepareAsync()
    {
        await UntilWholeAsync();
        await using var connection = await ConnectAsync("postgres");
        foreach (var sql in (string[])
        [
            $"CREATE ROLE {User} LOGIN PASSWORD '{userPassword}'", $"GRANT pg_monitor TO {User}", $"CREATE DATABASE {User} OWNER {User}",
        ])
        {
            await using var command = new NpgsqlCommand(sql, connection);
            await command.ExecuteNonQueryAsync();
        }
    }

    public override Task<NpgsqlConnection> ConnectAsync() => ConnectAsync(User);

    public override async ValueTask DisposeAsync()
    {
        await Task.WhenAll(nodes.Select(node => node.DisposeAsync().AsTask()));
        await etcd.StopAsync(TimeSpan.FromSeconds(5));
        TemporaryFolder.Delete(etcdFolder);
    }

    private static string Secret() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));

    private async Task<NpgsqlConnection> ConnectAsync(string database)
    {
        var leader = (LocalNode)await FindAsync("leader");
        var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder
        {
            Host = Loopback.Address.ToString(),
            Port = leader.Port,
            Username = "postgres",
            Password = superuserPassword,
            Database = database,
            Pooling = false,
        }.ConnectionString);
        await connection.OpenAsync();
        return connection;
    }
}
