using System.Net;
using System.Security.Cryptography;
using AuthMesh.LocalMesh.Processes;
using Npgsql;

namespace AuthMesh.LocalMesh;

/// <summary>
/// PostgreSQL in a container, for a machine with an engine but no server binaries. Its files are in a named volume: in a folder, they would
/// belong to the container's user, and only root could remove them.
/// </summary>
internal sealed class PostgresContainer : IPostgres
{
    private const string Image = "postgres:17";

    private readonly string name;
    private readonly string password;

    private PostgresContainer(string dataFolder, string folder, int port)
    {
        name = File.ReadAllText(VolumeFile(dataFolder));
        (PasswordFile, LogFile, Port) = (Path.Combine(folder, "password"), Path.Combine(folder, "postgres.log"), port);
        password = File.ReadAllText(PasswordFile);
        ConnectionString = new NpgsqlConnectionStringBuilder
        {
            Host = Loopback.Address.ToString(),
            Port = port,
            Username = Cluster.User,
            Password = password,
            Database = Cluster.Database,
        }.ConnectionString;
    }

    public int Port { get; }

    public string ConnectionString { get; }

    public string PasswordFile { get; }

    public string LogFile { get; }

    public string Description => $"{Image} in the container {name}, with its files in the volume of that name";

    public Task<int> Exited { get; private set; } = Task.FromResult(0);

    /// <summary>The file with the name of this data folder's volume and container.</summary>
    internal static string VolumeFile(string dataFolder) => Path.Combine(dataFolder, ClusterFolder.Name, "volume");

    internal static async Task<PostgresContainer> StartAsync(string dataFolder, int port)
    {
        var folder = Path.Combine(dataFolder, ClusterFolder.Name);
        var volume = VolumeFile(dataFolder);
        if (!File.Exists(volume))
        {
            Directory.CreateDirectory(folder);
            PrivateFile.Write(Path.Combine(folder, "password"), Cluster.NewPassword());
            PrivateFile.Write(volume, $"authmesh-local-{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(6))}");
        }

        var container = new PostgresContainer(dataFolder, folder, Ports.FreeOr(port));
        Processes.LogFile.Rotate(container.LogFile);
        await container.StartAgainAsync();
        return container;
    }

    public async Task StartAgainAsync()
    {
        await ContainerEngine.RemoveAsync(name); // left over from a killed mesh
        var started = await Command.RunAsync(
            [
                "docker", "run", "--detach", "--rm", "--name", name, "--volume", $"{name}:/var/lib/postgresql/data",
                "--publish", $"{new IPEndPoint(Loopback.Address, Port)}:5432",
                "--env", $"POSTGRES_USER={Cluster.User}", "--env", $"POSTGRES_DB={Cluster.Database}",
                "--env", $"POSTGRES_INITDB_ARGS={string.Join(' ', Cluster.InitDbOptions)}", "--env", "POSTGRES_PASSWORD",
                Image, "postgres", .. Cluster.Settings,
            ],
            secret: ("POSTGRES_PASSWORD", password));
        if (!started.Succeeded) throw new MeshException($"The container engine could not start {Image}: {started.Output}");

        // Follows the log until the container ends, so this one process writes the log file and signals the end.
        var log = await ChildProcess.StartAsync(new ChildCommand("docker logs", ["docker", "logs", "--follow", name], "/", LogFile));
        Exited = log.Exited;
        await Cluster.WaitUntilAnswersAsync(this);
    }

    public Task StopAsync() => ContainerEngine.RemoveAsync(name);

    public async Task KillAsync()
    {
        await ContainerEngine.TryAsync("kill", name);
        await Exited;
    }

    public async ValueTask DisposeAsync() => await StopAsync();
}
