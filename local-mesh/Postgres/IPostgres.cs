namespace AuthMesh.LocalMesh;

/// <summary>A PostgreSQL that we started ourselves: from this machine's server binaries or in a container.</summary>
public interface IPostgres : IAsyncDisposable
{
    /// <summary>Where it comes from and where its files are, for a person.</summary>
    string Description { get; }

    int Port { get; }

    /// <summary>Host, port, user and the database `authmesh`, with the password.</summary>
    string ConnectionString { get; }

    string PasswordFile { get; }

    string LogFile { get; }

    /// <summary>Completes when the server has ended, for whatever reason.</summary>
    Task<int> Exited { get; }

    /// <summary>A clean stop: every connection is ended, everything is on disk.</summary>
    Task StopAsync();

    /// <summary>A crash: `kill -9` of the server and all its children.</summary>
    Task KillAsync();

    /// <summary>On the same port and the same files. Returns when it answers.</summary>
    Task StartAgainAsync();
}
