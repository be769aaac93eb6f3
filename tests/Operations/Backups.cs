using AuthMesh.LocalMesh;
using AuthMesh.Tests.Harness;
using Npgsql;

namespace AuthMesh.Tests.Operations;

/// <summary>
/// Runs the scripts in <c>deploy/</c> as an operator does, on the PostgreSQL of the run. The programs of PostgreSQL's client come from
/// where the server comes from, because older ones refuse a newer server.
/// </summary>
internal sealed class Backups : IDisposable
{
    private static readonly string[] Programs = ["pg_dump", "pg_restore", "psql"];

    private readonly string folder = Directory.CreateTempSubdirectory("authmesh-tests-").FullName;
    private readonly string programs;
    private readonly bool isInContainer;

    public Backups(TestPostgres postgres)
    {
        isInContainer = postgres.ContainerId is not null;
        programs = postgres.ContainerId is { } container ? WriteStandIns(container) : PostgresBinaries.Find()[0].Folder;
    }

    /// <summary>The folder that backups go to.</summary>
    public string Folder => Path.Combine(folder, "backups");

    /// <summary>Where the folder with programs of the test stands, before all others.</summary>
    public string ProgramFolder { get; set; } = "";

    /// <returns>The file, after a backup that must succeed.</returns>
    public async Task<string> BackUpAsync(Database database)
    {
        var done = await RunAsync("backup.sh", database, Folder);
        done.AssertExited(0);
        return done.Output.TrimEnd();
    }

    public Task<Finished> RestoreAsync(Database database, string file, params string[] options) =>
        RunAsync("restore.sh", database, [.. options, file]);

    public Task<Finished> RunAsync(string script, Database database, params string[] arguments) =>
        RunAsync(script, EnvironmentOf(database), arguments);

    public static Task<Finished> RunAsync(string script, IReadOnlyDictionary<string, string> environment, params string[] arguments) =>
        Finished.RunAsync([Path.Combine(Checkout.Root, "deploy", script), .. arguments], environment);

    /// <summary>The variables with which libpq finds a database.</summary>
    public Dictionary<string, string> EnvironmentOf(Database database)
    {
        var settings = new NpgsqlConnectionStringBuilder(database.ConnectionString);
        return new()
        {
            ["PATH"] = $"{(ProgramFolder == "" ? "" : ProgramFolder + ":")}{programs}:{Environment.GetEnvironmentVariable("PATH")}",
            ["PGHOST"] = isInContainer ? "127.0.0.1" : settings.Host!,
            ["PGPORT"] = isInContainer ? "5432" : $"{settings.Port}",
            ["PGUSER"] = settings.Username!,
            ["PGPASSWORD"] = settings.Password!,
            ["PGDATABASE"] = settings.Database!,
        };
    }

    public string FileIn(string name) => Path.Combine(folder, name);

    public static string WriteProgram(string path, string text)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return path;
    }

    public void Dispose() => Directory.Delete(folder, recursive: true);

    private string WriteStandIns(string container)
    {
        var names = string.Concat(new[] { "HOST", "PORT", "USER", "PASSWORD", "DATABASE" }.Select(name => $" --env PG{name}"));
        foreach (var program in Programs)
        {
            WriteProgram(FileIn($"client/{program}"), $"#!/bin/sh\nexec docker exec --interactive{names} {container} {program} \"$@\"\n");
        }

        return FileIn("client");
    }
}
