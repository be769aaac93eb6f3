using AuthMesh.LocalMesh.Processes;
using Npgsql;

namespace AuthMesh.LocalMesh;

/// <summary>Copies of a running server that follow it.</summary>
internal static class Standby
{
    /// <summary>Copies the server into `postgres` under a folder, and starts the copy as its standby.</summary>
    /// <param name="primary">The server to follow.</param>
    /// <param name="home">The folder, which the caller deletes.</param>
    /// <param name="port">0 takes a free port.</param>
    internal static async Task<PostgresServer> StartAsync(PostgresServer primary, string home, int port = 0)
    {
        var folder = ClusterFolder.OpenIn(home);
        var source = new NpgsqlConnectionStringBuilder(primary.ConnectionString);
        PrivateFile.Write(folder.PasswordFile, source.Password!); // the roles come with the copy
        folder.HandOver(folder.PasswordFile);
        string[] command =
        [
            Path.Combine(primary.Binaries.Folder, "pg_basebackup"), "--pgdata", folder.Data, "--write-recovery-conf", "--checkpoint=fast",
            "--host", source.Host!, "--port", $"{source.Port}", "--username", source.Username!, "--no-password",
        ];
        var copied = await Command.RunAsync(command, folder.RunAs, folder.Path, ("PGPASSWORD", source.Password!));
        if (!copied.Succeeded) throw new MeshException($"pg_basebackup could not copy the server on port {source.Port}: {copied.Output}");
        // By default, a standby that lost its primary waits for five seconds before it tries again.
        await File.AppendAllTextAsync(Path.Combine(folder.Data, "postgresql.auto.conf"), "wal_retrieve_retry_interval = '100ms'\n");
        return await PostgresServer.StartAsync(home, port);
    }
}
