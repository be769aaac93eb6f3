using AuthMesh.Tests.Faults;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Operations;

/// <summary>deploy/backup.sh and deploy/restore.sh say what is wrong, exit with a failure, and leave everything as it was.</summary>
public sealed class BackupScriptTests(ProductionMesh production) : IDisposable
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private readonly Backups backups = new(production.Postgres);

    public void Dispose() => backups.Dispose();

    [Fact]
    public async Task A_backup_is_one_new_file_that_only_its_owner_reads()
    {
        await using var own = await OwnDatabase.CreateAsync(production);

        var done = await backups.RunAsync("backup.sh", own.Database, backups.Folder);

        done.AssertExited(0);
        var file = done.Output.TrimEnd();
        Assert.Equal([file], Directory.GetFileSystemEntries(backups.Folder));
        Assert.Matches(@"/authmesh-\d{8}T\d{6}Z\.dump$", file);
        Assert.Equal(OwnerOnly, File.GetUnixFileMode(file));
        Assert.Equal(OwnerOnly | UnixFileMode.UserExecute, File.GetUnixFileMode(backups.Folder));
        Assert.Contains("only with the present master key", done.Errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("PGUSER", "nobody", "pg_dump failed")]
    [InlineData("PGDATABASE", "not_there", "pg_dump failed")]
    [InlineData("PGDATABASE", "postgres", "It is not a dump of an identity service's database")]
    [InlineData("PGDATABASE", "", "Set PGHOST, PGUSER and PGDATABASE")]
    [InlineData("PATH", "", "pg_dump failed", "#!/bin/sh\necho 'the first bytes'; exit 1\n")]
    [InlineData("PATH", "", "What pg_dump wrote is no dump", "#!/bin/sh\necho 'not a dump'\n")]
    public async Task A_failed_backup_leaves_no_file(string variable, string value, string message, string? program = null)
    {
        await using var own = await OwnDatabase.CreateAsync(production);
        var environment = backups.EnvironmentOf(own.Database);
        if (program is not null)
        {
            value = $"{Path.GetDirectoryName(Backups.WriteProgram(backups.FileIn("broken/pg_dump"), program))}:{environment[variable]}";
        }

        environment[variable] = value;
        var failed = await Backups.RunAsync("backup.sh", environment, backups.Folder);

        failed.AssertExited(1);
        Assert.Contains(message, failed.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain(environment["PGPASSWORD"], failed.Output + failed.Errors, StringComparison.Ordinal);
        Assert.Empty(Directory.Exists(backups.Folder) ? Directory.GetFileSystemEntries(backups.Folder) : []);
    }

    [Theory]
    [InlineData("backup.sh", "postgres://authmesh:a-secret@db/authmesh")]
    [InlineData("backup.sh", "host=db dbname=authmesh password=a-secret")]
    [InlineData("restore.sh", "Host=db;Password=a-secret")]
    [InlineData("restore.sh", "--dbname=postgres://authmesh:a-secret@db/authmesh")]
    public async Task A_connection_string_as_an_argument_is_refused_and_not_repeated(string script, string argument)
    {
        await using var own = await OwnDatabase.CreateAsync(production);

        var refused = await backups.RunAsync(script, own.Database, argument);

        refused.AssertExited(1);
        Assert.Contains("Give no connection string as an argument", refused.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("a-secret", refused.Errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("backup.sh")]
    [InlineData("backup.sh", "a", "b")]
    [InlineData("restore.sh")]
    [InlineData("restore.sh", "--force", "a")]
    public async Task Wrong_arguments_show_how_it_is_used(string script, params string[] arguments)
    {
        var refused = await Backups.RunAsync(script, new Dictionary<string, string>(), arguments);

        refused.AssertExited(2);
        Assert.Contains($"deploy/{script} [--compose[=SERVICE]]", refused.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("set -euo", refused.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_dump_that_was_cut_off_is_not_restored()
    {
        await using var source = await OwnDatabase.CreateAsync(production);
        await using var target = await OwnDatabase.CreateEmptyAsync(production);
        var file = await backups.BackUpAsync(source.Database);
        var dump = await File.ReadAllBytesAsync(file, TestContext.Current.CancellationToken);

        // Within the header, within the table of contents, within the rows, and before the last byte.
        foreach (var (length, message) in new[]
        {
            (0, "is no dump"), (3, "is no dump"), (2000, "is no dump"),
            (dump.Length - 100, "is incomplete or damaged"), (dump.Length - 1, "is incomplete or damaged"),
        })
        {
            await File.WriteAllBytesAsync(backups.FileIn("cut"), dump[..length], TestContext.Current.CancellationToken);
            var refused = await backups.RestoreAsync(target.Database, backups.FileIn("cut"));
            refused.AssertExited(1);
            Assert.Contains(message, refused.Errors, StringComparison.Ordinal);
            Assert.Equal(0, await ObjectsAsync(target, "users"));
        }

        (await backups.RestoreAsync(target.Database, file)).AssertExited(0);
    }

    [Fact]
    public async Task A_database_that_is_not_empty_is_replaced_only_on_demand_and_only_as_a_whole()
    {
        await using var source = await OwnDatabase.CreateAsync(production);
        await using var target = await OwnDatabase.CreateAsync(production);
        await source.Database.ExecuteAsync("INSERT INTO used_challenges SELECT decode('01', 'hex'), now()");
        var file = await backups.BackUpAsync(source.Database);
        foreach (var sql in new[]
        {
            """CREATE TABLE "newer ""table; DROP" (id serial PRIMARY KEY)""",
            """CREATE VIEW newer_view AS SELECT * FROM "newer ""table; DROP" """,
            "CREATE SEQUENCE newer_numbers",
            "CREATE FUNCTION newer_function(int, text) RETURNS int LANGUAGE sql AS 'SELECT 1'",
        })
        {
            await target.Database.ExecuteAsync(sql);
        }

        // 1. Without the option.
        var refused = await backups.RestoreAsync(target.Database, file);
        refused.AssertExited(1);
        Assert.Contains("The database is not empty", refused.Errors, StringComparison.Ordinal);

        // 2. With it, but a statement fails in the middle: a domain has the name of a table.
        await target.Database.ExecuteAsync("DROP TABLE mails; CREATE DOMAIN mails AS int");
        var failed = await backups.RestoreAsync(target.Database, file, "--replace");
        failed.AssertExited(1);
        Assert.Contains("It changed nothing", failed.Errors, StringComparison.Ordinal);
        Assert.NotEqual(0, await ObjectsAsync(target, "newer%"));
        Assert.Equal("", await target.DumpAsync("used_challenges"));

        // 3. With it. The database is the backup and nothing else.
        await target.Database.ExecuteAsync("DROP DOMAIN mails");
        (await backups.RestoreAsync(target.Database, file, "--replace")).AssertExited(0);
        Assert.Equal(0, await ObjectsAsync(target, "newer%"));
        Assert.Equal(await source.DumpAsync("used_challenges"), await target.DumpAsync("used_challenges"));
    }

    [Fact]
    public async Task With_Compose_the_programs_run_in_its_container_and_no_argument_holds_a_password()
    {
        await using var source = await OwnDatabase.CreateAsync(production);
        await using var target = await OwnDatabase.CreateEmptyAsync(production);
        var calls = backups.FileIn("calls");
        // Stands in for Docker: its container is this machine.
        backups.ProgramFolder = Path.GetDirectoryName(Backups.WriteProgram(
            backups.FileIn("docker/docker"),
            $"""
            #!/bin/sh
            if [ "$1" != compose ]; then PATH='{Environment.GetEnvironmentVariable("PATH")}' exec docker "$@"; fi
            echo "$*" >>'{calls}'
            if [ "$2 $3 $4" != "exec -T accounts" ]; then echo "no such service" >&2; exit 1; fi
            shift 4
            exec "$@"
            """))!;

        var done = await RunAsync(source, "backup.sh", "--compose=accounts", backups.Folder);
        done.AssertExited(0);
        (await RunAsync(target, "restore.sh", "--compose=accounts", done.Output.TrimEnd())).AssertExited(0);
        Assert.NotEqual("", await target.DumpAsync("\"__EFMigrationsHistory\""));
        var arguments = await File.ReadAllTextAsync(calls, TestContext.Current.CancellationToken);
        Assert.Contains("pg_dump", arguments, StringComparison.Ordinal);
        Assert.DoesNotMatch("(?i)password=(?!\"[$][{])", arguments); // the container's shell reads it from its variable

        var missing = await RunAsync(source, "backup.sh", "--compose", backups.Folder);
        missing.AssertExited(1);
        Assert.Contains("The service postgres of Compose does not run", missing.Errors, StringComparison.Ordinal);

        Task<Finished> RunAsync(OwnDatabase own, string script, params string[] arguments)
        {
            var inContainer = backups.EnvironmentOf(own.Database);
            inContainer["POSTGRES_USER"] = inContainer["PGUSER"];
            inContainer["POSTGRES_DB"] = inContainer["PGDATABASE"];
            inContainer["POSTGRES_PASSWORD"] = inContainer["PGPASSWORD"];
            inContainer["PGUSER"] = inContainer["PGDATABASE"] = inContainer["PGPASSWORD"] = "";
            return Backups.RunAsync(script, inContainer, arguments);
        }
    }

    private static Task<long> ObjectsAsync(OwnDatabase own, string pattern) => own.Database.ScalarAsync<long>(
        "SELECT (SELECT count(*) FROM pg_class WHERE relname LIKE $1) + (SELECT count(*) FROM pg_proc WHERE proname LIKE $1)", pattern);
}
