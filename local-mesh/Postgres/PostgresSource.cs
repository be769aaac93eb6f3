namespace AuthMesh.LocalMesh;

/// <summary>The source of PostgreSQL if no connection string names a server.</summary>
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

    /// <summary>Starts PostgreSQL and returns before it answers.</summary>
    internal static async Task<IPostgres> StartAsync(string dataFolder, PostgresSource wish, int port, Action<string> report)
    {
        if (await ChooseAsync(dataFolder, wish) == PostgresSource.Binaries)
        {
            report("Starting PostgreSQL from this machine's server binaries");
            return await PostgresServer.LaunchAsync(dataFolder, port);
        }

        report("Starting PostgreSQL in a container; the first start downloads its image");
        return await PostgresContainer.StartAsync(dataFolder, port);
    }

    /// <summary>
    /// Chooses the source. A data folder keeps the source that created its cluster: with another one, its users would seem to be lost.
    /// </summary>
    /// <exception cref="MeshException">No source is available; the message says what to install.</exception>
    internal static async Task<PostgresSource> ChooseAsync(string dataFolder, PostgresSource wish)
    {
        var made = MadeWith(dataFolder);
        if (made != PostgresSource.Any && wish != PostgresSource.Any && wish != made)
        {
            throw new MeshException(
                $"The cluster of {dataFolder} was created with --postgres {made}. Use that again, or choose another folder with --data.");
        }

        var wanted = made == PostgresSource.Any ? wish : made;
        if (wanted != PostgresSource.Container && PostgresBinaries.Find().Count > 0) return PostgresSource.Binaries;
        if (wanted != PostgresSource.Binaries && await ContainerEngine.AnswersAsync()) return PostgresSource.Container;
        throw new MeshException(wanted switch
        {
            PostgresSource.Container => $"PostgreSQL should run in a container, but no engine answers (docker version). {Cure}",
            PostgresSource.Binaries => $"PostgreSQL should run from server binaries, but this machine has none. {Cure}",
            _ => $"This machine has no PostgreSQL to start. {Cure}",
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
