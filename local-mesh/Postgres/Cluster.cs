using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using AuthMesh.LocalMesh.Processes;
using Npgsql;

namespace AuthMesh.LocalMesh;

/// <summary>Creates clusters, finds the matching PostgreSQL version, and waits until a server answers.</summary>
internal static class Cluster
{
    internal const string User = "authmesh";
    internal const string Database = "authmesh";

    /// <summary>
    /// A password is needed even on loopback, because every local user reaches the port. UTF8 and C make the cluster the same on every
    /// machine.
    /// </summary>
    internal static readonly string[] InitDbOptions = ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"];

    /// <summary>Small settings for a developer's machine. Durability keeps its defaults: an acknowledged write survives a crash.</summary>
    internal static readonly string[] Settings =
    [
        "-c", "shared_buffers=64MB",
        "-c", $"max_connections={PostgresServer.MaximumConnections}",
        "-c", "jit=off",             // short queries only
    ];

    internal static string NewPassword() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(24));

    internal static PostgresBinaries BinariesFor(ClusterFolder folder, IReadOnlyList<PostgresBinaries> installed)
    {
        if (!folder.HasCluster) return installed[0];

        var major = int.Parse(File.ReadAllText(Path.Combine(folder.Data, "PG_VERSION")), CultureInfo.InvariantCulture);
        var others = string.Join(", ", installed.Select(found => found.Major));
        return installed.FirstOrDefault(found => found.Major == major) ?? throw new MeshException($"""
            The cluster in {folder.Data} was created by PostgreSQL {major}, but this machine has PostgreSQL {others}.
            One of these helps:
              install PostgreSQL {major} beside it;
              start with another folder: --data DIR;
              migrate the data with pg_upgrade or pg_dump (PostgreSQL's manual, "Upgrading a PostgreSQL Cluster");
              remove {folder.Path}, if you do not need its users.
            """);
    }

    internal static async Task MakeAsync(ClusterFolder folder, PostgresBinaries binaries)
    {
        var unfinished = folder.Data + ".new";
        if (Directory.Exists(unfinished)) Directory.Delete(unfinished, recursive: true);

        PrivateFile.Write(folder.PasswordFile, NewPassword());
        folder.HandOver(folder.PasswordFile);
        string[] command = [binaries.InitDb, "--pgdata", unfinished, "--username", User, "--pwfile", folder.PasswordFile, .. InitDbOptions];
        var made = await Command.RunAsync(command, folder.RunAs, folder.Path);
        if (!made.Succeeded) throw new MeshException($"initdb could not create a cluster in {folder.Path}: {made.Output}");

        Directory.Move(unfinished, folder.Data); // atomic, even if this program is killed here
    }

    /// <summary>
    /// Ends an earlier postmaster, or removes its stale postmaster.pid. PostgreSQL refuses to start if that file names any living process
    /// of its user.
    /// </summary>
    internal static async Task FreeFromEarlierPostmasterAsync(ClusterFolder folder)
    {
        var file = Path.Combine(folder.Data, "postmaster.pid");
        if (!OperatingSystem.IsLinux() || !File.Exists(file)) return;

        if (!int.TryParse(File.ReadLines(file).FirstOrDefault(), CultureInfo.InvariantCulture, out var pid))
        {
            File.Delete(file); // truncated by a crash of the machine; PostgreSQL does not remove it by itself
            return;
        }

        if (ProcessIdentity.Of("PostgreSQL", pid, $"postgres -D {folder.Data}") is not { } running) return;

        // A postmaster's working directory is its cluster. If the process is our postmaster, that directory holds the same file.
        var seenFromThere = $"/proc/{pid}/cwd/postmaster.pid";
        if (!File.Exists(seenFromThere) || File.ReadAllText(seenFromThere) != File.ReadAllText(file)) File.Delete(file);
        else await running.EndAsync(Signal.Interrupt, TimeSpan.FromSeconds(30));
    }

    /// <summary>Waits until the server answers and its database exists; stops the server if that fails.</summary>
    internal static async Task WaitUntilAnswersAsync(IPostgres server)
    {
        var waited = Stopwatch.StartNew();
        while (await WhyNotAsync(server) is { } reason)
        {
            var isWorthWaiting = reason is not PostgresException { SqlState: PostgresErrorCodes.InvalidPassword };
            if (isWorthWaiting && !server.Exited.IsCompleted && waited.Elapsed < TimeSpan.FromSeconds(60))
            {
                await Task.WhenAny(server.Exited, Task.Delay(50)); // the server does not listen yet, or replays its log after a crash
                continue;
            }

            await server.StopAsync();
            throw new MeshException($"PostgreSQL did not start: {reason.Message}{Environment.NewLine}{LogFile.Tail(server.LogFile)}");
        }
    }

    private static async Task<NpgsqlException?> WhyNotAsync(IPostgres server)
    {
        var maintenance = new NpgsqlConnectionStringBuilder(server.ConnectionString)
        {
            Database = "postgres",
            Pooling = false,
            Timeout = 5,
        };
        try
        {
            await using var connection = new NpgsqlConnection(maintenance.ConnectionString);
            await connection.OpenAsync();
            await CreateDatabaseAsync(connection);
            return null;
        }
        catch (NpgsqlException e)
        {
            return e;
        }
    }

    private static async Task CreateDatabaseAsync(NpgsqlConnection connection)
    {
        await using var command = connection.CreateCommand();
        command.CommandText = $"SELECT 1 FROM pg_database WHERE datname = '{Database}'";
        if (await command.ExecuteScalarAsync() is not null) return;

        command.CommandText = $"CREATE DATABASE {Database}";
        await command.ExecuteNonQueryAsync();
    }
}
