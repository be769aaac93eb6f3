using System.Globalization;
using AuthMesh.LocalMesh.Processes;
using Npgsql;

namespace AuthMesh.LocalMesh;

/// <summary>PostgreSQL from the server binaries on this machine, in its own folder, listening only on loopback.</summary>
public sealed class PostgresServer : IPostgres
{
    /// <summary>Room for thirty identity services with a full pool each. Only tests come near: they have pools of their own.</summary>
    public const int MaximumConnections = 600;

    private readonly PostgresBinaries binaries;
    private readonly ClusterFolder folder;
    private readonly string? toDelete;
    private ChildProcess process = null!;

    private PostgresServer(PostgresBinaries binaries, ClusterFolder folder, int port, string? toDelete)
    {
        (this.binaries, this.folder, Port, this.toDelete) = (binaries, folder, port, toDelete);
        ConnectionString = new NpgsqlConnectionStringBuilder
        {
            Host = Loopback.Address.ToString(),
            Port = port,
            Username = Cluster.User,
            Password = File.ReadAllText(folder.PasswordFile),
            Database = Cluster.Database,
        }.ConnectionString;
    }

    public int Port { get; }

    public string ConnectionString { get; }

    public string PasswordFile => folder.PasswordFile;

    public string LogFile => folder.LogFile;

    public string Description =>
        $"PostgreSQL {binaries.Major} from {binaries.Folder}, cluster in {folder.Path}" +
        (folder.RunAs is { } user ? $", run as the user {user} because PostgreSQL refuses root" : "");

    public Task<int> Exited => process.Exited;

    internal ProcessIdentity? Identity => process.Identity;

    internal PostgresBinaries Binaries => binaries;

    /// <summary>Starts the cluster in `postgres` under this folder, and creates it first if it does not exist.</summary>
    /// <param name="folder">Null creates one for this run and deletes it with the server.</param>
    /// <param name="port">0 takes a free port.</param>
    /// <exception cref="MeshException">This machine has no server binaries of a suitable version, or the server does not start.</exception>
    public static async Task<PostgresServer> StartAsync(string? folder = null, int port = 0)
    {
        var server = await LaunchAsync(folder, port);
        await Cluster.WaitUntilAnswersAsync(server);
        return server;
    }

    /// <summary>Does the same without waiting until the server answers.</summary>
    internal static async Task<PostgresServer> LaunchAsync(string? folder = null, int port = 0)
    {
        var installed = PostgresBinaries.Find();
        if (installed.Count == 0) throw new MeshException($"This machine has no PostgreSQL {PostgresBinaries.OldestMajor} or newer.");

        var toDelete = folder is null ? TemporaryFolder.Create() : null;
        var cluster = ClusterFolder.OpenIn(Path.GetFullPath(folder ?? toDelete!));
        var binaries = Cluster.BinariesFor(cluster, installed);
        if (cluster.HasCluster) await Cluster.FreeFromEarlierPostmasterAsync(cluster);
        else await Cluster.MakeAsync(cluster, binaries);

        var server = new PostgresServer(binaries, cluster, Ports.FreeOr(port), toDelete);
        Processes.LogFile.Rotate(server.LogFile);
        await server.LaunchAsync();
        return server;
    }

    public async Task StartAgainAsync()
    {
        await LaunchAsync();
        await Cluster.WaitUntilAnswersAsync(this);
    }

    private async Task LaunchAsync() => process = await ChildProcess.StartAsync(new ChildCommand("PostgreSQL",
        [
            binaries.Postgres, "-D", folder.Data, "-p", Port.ToString(CultureInfo.InvariantCulture),
            "-c", $"listen_addresses={Loopback.Address}", "-c", "unix_socket_directories=", .. Cluster.Settings,
        ],
        folder.Path, LogFile)
    {
        User = folder.RunAs,
        SignalWhenWeDie = "INT", // a fast shutdown
    });

    public Task StopAsync() => process.StopAsync(Signal.Interrupt, TimeSpan.FromSeconds(30));

    public async Task KillAsync()
    {
        // Stop everything at once: a surviving backend could still finish its statement, which a power failure would not allow.
        process.Send(Signal.Stop);
        var backends = ProcessIdentity.ChildrenOf(process.Pid).Select(pid => ProcessIdentity.Of("backend", pid, "postgres")).ToList();
        process.Send(Signal.Kill);
        foreach (var backend in backends) await (backend?.EndAsync(Signal.Kill, TimeSpan.FromSeconds(5)) ?? Task.CompletedTask);
        await Exited;
    }

    /// <summary>Suspends everything: the kernel still accepts connections and bytes, and nothing answers.</summary>
    public void Suspend() => SendToAll(Signal.Stop);

    public void Resume() => SendToAll(Signal.Continue);

    private void SendToAll(int signal)
    {
        process.Send(signal);
        foreach (var child in ProcessIdentity.ChildrenOf(process.Pid)) Signal.Send(child, signal);
    }

    public async ValueTask DisposeAsync()
    {
        Resume();
        await StopAsync();
        if (toDelete is not null) TemporaryFolder.Delete(toDelete);
    }
}
