namespace AuthMesh.LocalMesh.Postgres;

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
    internal static bool HasCluster(string dataFolder) =>
        File.Exists(PostgresContainer.VolumeFile(dataFolder)) || ClusterFolder.HasClusterIn(dataFolder);

    /// <summary>A data folder stays with the source that made its cluster: elsewhere its users would seem to be gone.</summary>
    internal static async Task<IPostgres> StartAsync(string dataFolder, PostgresSource wish, int port, Action<string> report)
    {
        var madeInContainer = File.Exists(PostgresContainer.VolumeFile(dataFolder));
        var madeByBinaries = !madeInContainer && ClusterFolder.HasClusterIn(dataFolder);
        if (madeInContainer && wish == PostgresSource.Binaries || madeByBinaries && wish == PostgresSource.Container)
        {
            throw new MeshException($"The cluster of {dataFolder} was made {(madeInContainer ? "in a container" : "by this machine's server binaries")}. " +
                "Start without --postgres, or with another folder: --data DIR.");
        }

        if (!madeInContainer && wish != PostgresSource.Container && PostgresBinaries.Find().Count > 0)
        {
            report("Starting PostgreSQL from this machine's server binaries");
            return await PostgresServer.StartAsync(dataFolder, port);
        }

        if (madeByBinaries) throw new MeshException($"The cluster of {dataFolder} needs PostgreSQL's server binaries, and there are none any more. {Cure}");
        if (wish != PostgresSource.Binaries && await ContainerEngine.AnswersAsync())
        {
            report("Starting PostgreSQL in a container; the first time its image is fetched");
            return await PostgresContainer.StartAsync(dataFolder, port);
        }

        throw new MeshException(madeInContainer
            ? $"The cluster of {dataFolder} is in a container's volume, and no container engine answers. Start the engine, or choose another folder: --data DIR."
            : $"There is no PostgreSQL to start. {Cure}");
    }

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
