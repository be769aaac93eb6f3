namespace AuthMesh.LocalMesh;

/// <summary>Where PostgreSQL comes from, where no connection string names one.</summary>
public enum PostgresSource
{
    /// <summary>Server binaries on this machine, else a container engine.</summary>
    Any,
    Binaries,
    Container,
}

internal static class PostgresSources
{
    internal static bool HasCluster(string dataFolder) => MadeWith(dataFolder) != PostgresSource.Any;

    /// <summary>It need not answer yet.</summary>
    internal static async Task<IPostgres> StartAsync(string dataFolder, PostgresSource wish, int port, Action<string> report)
    {
        if (await ChooseAsync(dataFolder, wish) == PostgresSource.Binaries)
        {
            report("Starting PostgreSQL from this machine's server binaries");
            return await PostgresServer.LaunchAsync(dataFolder, port);
        }

        report("Starting PostgreSQL in a container; the first time its image is fetched");
        return await PostgresContainer.StartAsync(dataFolder, port);
    }

    /// <summary>A data folder stays with the source that made its cluster: from another its users would seem to be gone.</summary>
    /// <exception cref="MeshException">There is none, with what to install.</exception>
    internal static async Task<PostgresSource> ChooseAsync(string dataFolder, PostgresSource wish)
    {
        var made = MadeWith(dataFolder);
        if (made != PostgresSource.Any && wish != PostgresSource.Any && wish != made)
        {
            throw new MeshException($"The cluster of {dataFolder} was made with --postgres {made}. Keep to it, or choose another --data.");
        }

        var wanted = made == PostgresSource.Any ? wish : made;
        if (wanted != PostgresSource.Container && PostgresBinaries.Find().Count > 0) return PostgresSource.Binaries;
        if (wanted != PostgresSource.Binaries && await ContainerEngine.AnswersAsync()) return PostgresSource.Container;
        throw new MeshException(wanted switch
        {
            PostgresSource.Container => $"PostgreSQL is to run in a container, and no engine answers (docker version). {Cure}",
            PostgresSource.Binaries => $"PostgreSQL is to run from server binaries, and this machine has none. {Cure}",
            _ => $"There is no PostgreSQL to start. {Cure}",
        });
    }

    private static PostgresSource MadeWith(string dataFolder) =>
        File.Exists(PostgresContainer.VolumeFile(dataFolder)) ? PostgresSource.Container
        : ClusterFolder.HasClusterIn(dataFolder) ? PostgresSource.Binaries
        : PostgresSource.Any;

    private static string Cure => $"""
        One of these helps:
          Debian, Ubuntu:   sudo apt-get install postgresql
          Fedora:           sudo dnf install postgresql-server
          macOS:            brew install postgresql@17
          any:              start a container engine (`docker version` must answer)
          a server you run: Identity__Database__ConnectionString='Host=...;Database=...;Username=...;Password=...'
        Version {PostgresBinaries.OldestMajor} or newer.
        """;
}
