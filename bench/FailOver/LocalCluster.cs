using System.Diagnostics;
using System.Security.Cryptography;
using AuthMesh.LocalMesh;
using AuthMesh.LocalMesh.Processes;
using Npgsql;

namespace AuthMesh.Bench.FailOver;

/// <summary>Three PostgreSQL nodes under Patroni and one etcd, on loopback. Two nodes have each commit before it is answered.</summary>
internal sealed class PatroniCluster : IAsyncDisposable
{
    private const string User = "authmesh";

    private static readonly string[] Names = ["one", "two", "three"];

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);

    private readonly string etcdFolder, superuserPassword = Secret(), userPassword = Secret();
    private readonly ChildProcess etcd;

    private PatroniCluster(ChildProcess etcd, string etcdFolder, int etcdPort)
    {
        (this.etcd, this.etcdFolder) = (etcd, etcdFolder);
        var secrets = (superuserPassword, Secret());
        Members = [.. Names.Select(name => new PatroniMember(name, etcdPort, secrets))];
    }

    public IReadOnlyList<PatroniMember> Members { get; }

    /// <summary>For the identity service: names every node.</summary>
    public string ConnectionString => new NpgsqlConnectionStringBuilder
    {
        Host = string.Join(',', Members.Select(member => $"{Loopback.Address}:{member.Port}")),
        Username = User,
        Password = userPassword,
        Database = User,
    }.ConnectionString;

    /// <summary>Returns when the cluster has a primary with two standbys, and a database for the service.</summary>
    public static async Task<PatroniCluster> StartAsync()
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
        var cluster = new PatroniCluster(etcd, folder, port);
        try
        {
            foreach (var member in cluster.Members)
            {
                await member.StartAsync();
            }

            await cluster.UntilWholeAsync();
            await cluster.CreateDatabaseAsync();
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    /// <summary>Waits until one node leads and both others follow it, one of them synchronously.</summary>
    public async Task UntilWholeAsync()
    {
        var waited = Stopwatch.StartNew();
        while (true)
        {
            var roles = (await ReadAsync()).Values.Where(member => member.State is "running" or "streaming").Select(member => member.Role)
                .Order().ToList();
            if (roles is ["leader", "replica", "sync_standby"])
            {
                return;
            }

            if (waited.Elapsed > Patience)
            {
                throw new InvalidOperationException(
                    $"The cluster is not whole after {Patience.TotalSeconds:0} s: {string.Join(", ", await ReadAsync())}"
                    + string.Concat(Members.Select(member => $"\n{member.Name}: {Tail(member.LogFile)}")));
            }

            await Task.Delay(200);
        }
    }

    /// <summary>The node with this role: <c>leader</c>, <c>sync_standby</c> or <c>replica</c>.</summary>
    public async Task<PatroniMember> FindAsync(string role)
    {
        var waited = Stopwatch.StartNew();
        while (waited.Elapsed < Patience)
        {
            var found = (await ReadAsync()).FirstOrDefault(member => member.Value.Role == role).Key;
            if (found is not null)
            {
                return Members.First(member => member.Name == found);
            }

            await Task.Delay(100);
        }

        throw new InvalidOperationException($"No node is {role}.");
    }

    /// <summary>Connects to the leader as the superuser.</summary>
    public async Task<NpgsqlConnection> ConnectAsync(string database = User)
    {
        var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder
        {
            Host = Loopback.Address.ToString(),
            Port = (await FindAsync("leader")).Port,
            Username = "postgres",
            Password = superuserPassword,
            Database = database,
            Pooling = false,
        }.ConnectionString);
        await connection.OpenAsync();
        return connection;
    }

    public async ValueTask DisposeAsync()
    {
        await Task.WhenAll(Members.Select(member => member.DisposeAsync().AsTask()));
        await etcd.StopAsync(TimeSpan.FromSeconds(5));
        TemporaryFolder.Delete(etcdFolder);
    }

    private static string Secret() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));

    private static string Tail(string file) => File.Exists(file) ? string.Join('\n', File.ReadLines(file).TakeLast(8)) : "";

    // Any node may be dead or suspended. The others know the same from etcd.
    private async Task<IReadOnlyDictionary<string, (string Role, string State)>> ReadAsync()
    {
        var views = await Task.WhenAll(Members.Select(member => member.ReadClusterAsync()));
        return views.MaxBy(view => view.Count)!;
    }

    private async Task CreateDatabaseAsync()
    {
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
}
