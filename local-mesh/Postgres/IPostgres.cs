namespace AuthMesh.LocalMesh;

/// <summary>A PostgreSQL server that the mesh started: from this machine's server binaries or in a container.</summary>
public interface IPostgres : IAsyncDisposable
{
    /// <summary>A description of its source and the place of its files, for people.</summary>
    string Description { get; }

    int Port { get; }

    /// <summary>The host, port, user, password and the database `authmesh`.</summary>
    string ConnectionString { get; }

    string PasswordFile { get; }

    string LogFile { get; }

    /// <summary>Completes when the server has ended for any reason.</summary>
    Task<int> Exited { get; }

    /// <summary>Stops cleanly: ends every connection and writes everything to disk.</summary>
    Task StopAsync();

    /// <summary>Simulates a crash: `kill -9` of the server and all its children.</summary>
    Task KillAsync();

    /// <summary>Starts on the same port with the same files. Returns when the server answers.</summary>
    Task StartAgainAsync();
}
