using System.Data;
using AuthMesh.Settings;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace AuthMesh.Identity.Platform.Database;

/// <summary>
/// The schema is older than this version, and the database's user may not change it. An operator or a job may do so meanwhile.
/// </summary>
internal sealed class SchemaMissingException(string message) : Exception(message);

/// <summary>Brings the schema to the version of this build. The caller holds the <see cref="PreparationLock"/>.</summary>
internal sealed partial class Migrate(IdentityDb db, Primary database, TimeProvider clock, ILogger<Migrate> logger)
{
    private const int OldestServer = 15; // the oldest version in Debian and in the tests

    /// <exception cref="StartRefusedException">This version cannot use the database, and waiting would not help.</exception>
    /// <exception cref="SchemaMissingException">This version has to wait until the schema is changed.</exception>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        if (connection.PostgreSqlVersion.Major < OldestServer)
        {
            throw new StartRefusedException(
                $"PostgreSQL {connection.PostgreSqlVersion} is too old: version {OldestServer} or newer is needed.");
        }

        // PostgreSQL reports the encoding with each new connection. Other encodings refuse characters, and SQL_ASCII counts bytes as
        // characters.
        if (connection.PostgresParameters.GetValueOrDefault("server_encoding") is { } encoding and not "UTF8")
        {
            throw new StartRefusedException(
                $"The database has the encoding {encoding}, but the service stores UTF8. The encoding of a database cannot be changed. "
                + DatabaseUnavailable.EncodingCure);
        }

        var applied = await ReadAppliedAsync(connection, cancellationToken);
        var known = db.Database.GetMigrations().ToList();
        if (applied.Except(known).LastOrDefault() is { } newer)
        {
            await RefuseIfTooOldAsync(connection, newer, known, cancellationToken);
        }

        if (known.Except(applied).ToList() is { Count: > 0 } pending)
        {
            await MigrateAsync(connection, pending, cancellationToken);
        }
    }

    private async Task RefuseIfTooOldAsync(
        NpgsqlConnection connection, string newer, List<string> known, CancellationToken cancellationToken)
    {
        var oldest = await SchemaVersion.ReadOldestAsync(connection, cancellationToken);
        if (oldest is null || !known.Contains(oldest))
        {
            throw new StartRefusedException(
                $"The database has the schema of a newer version (migration {newer}), and this version is too old for it: its newest "
                + $"migration is {known[^1]}, and {oldest ?? newer} is needed. Start a newer version, or restore an older backup of the "
                + "database.");
        }

        LogNewer(newer);
    }

    private async Task MigrateAsync(NpgsqlConnection connection, List<string> pending, CancellationToken cancellationToken)
    {
        if (!await MayChangeSchemaAsync(connection, cancellationToken))
        {
            throw new SchemaMissingException(
                $"The schema lacks the migrations up to {pending[^1]}, and the database's user may not change it. Run identity-service "
                + "migrate as a user who may, or GRANT CREATE ON SCHEMA public TO …;");
        }

        db.Database.SetCommandTimeout(TimeSpan.FromMinutes(5)); // a change to a large table may take longer than any request
        while (!await TryMigrateAsync(cancellationToken))
        {
            LogLocked();
            await Task.Delay(TimeSpan.FromSeconds(1), clock, cancellationToken);
        }

        LogMigrated(string.Join(", ", pending));
    }

    /// <summary>
    /// A change waits for every statement on its table, such as those of a backup, and all later statements wait behind it. So it gives up
    /// soon, to try again.
    /// </summary>
    private async Task<bool> TryMigrateAsync(CancellationToken cancellationToken)
    {
        await db.Database.OpenConnectionAsync(cancellationToken); // keeps the settings of the session until it is closed
        try
        {
            await db.Database.ExecuteSqlRawAsync("SET lock_timeout = '3s'", cancellationToken);
            await db.Database.MigrateAsync(cancellationToken);
            return true;
        }
        catch (PostgresException exception) when (exception.SqlState == PostgresErrorCodes.LockNotAvailable)
        {
            return false;
        }
        finally
        {
            if (db.Database.GetDbConnection().State == ConnectionState.Open) // otherwise it is broken, and leaves the pool
            {
                await db.Database.ExecuteSqlRawAsync("RESET lock_timeout", CancellationToken.None);
            }

            await db.Database.CloseConnectionAsync();
        }
    }

    // Without any schema in reach, the first statement of a migration says so.
    private static async Task<bool> MayChangeSchemaAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("SELECT has_schema_privilege(current_schema(), 'CREATE') IS NOT FALSE", connection);
        return (bool)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    // Entity Framework's own method would build a model of this one table first, at every start.
    private static async Task<List<string>> ReadAppliedAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            "SELECT \"MigrationId\" FROM \"__EFMigrationsHistory\" ORDER BY \"MigrationId\"", connection);
        try
        {
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            List<string> applied = [];
            while (await reader.ReadAsync(cancellationToken))
            {
                applied.Add(reader.GetString(0));
            }

            return applied;
        }
        catch (PostgresException exception) when (exception.SqlState == PostgresErrorCodes.UndefinedTable)
        {
            return []; // an empty database
        }
    }

    [LoggerMessage(LogLevel.Information, "Applied migrations: {Migrations}")]
    private partial void LogMigrated(string migrations);

    [LoggerMessage(LogLevel.Warning, "Cannot change the schema while a long statement, such as a backup, uses a table. Trying again")]
    private partial void LogLocked();

    [LoggerMessage(LogLevel.Information, "The schema is that of a newer version (migration {Migration}), which this version can use")]
    private partial void LogNewer(string migration);
}
