using AuthMesh.Settings;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace AuthMesh.Identity.Platform.Database;

/// <summary>Brings the schema to the version of this build. The caller holds the <see cref="PreparationLock"/>.</summary>
internal sealed partial class Migrate(IdentityDb db, Primary database, ILogger<Migrate> logger)
{
    private const int OldestVersion = 15; // the oldest version in Debian and in the tests

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        if (connection.PostgreSqlVersion.Major < OldestVersion)
        {
            throw new StartRefusedException(
                $"PostgreSQL {connection.PostgreSqlVersion} is too old: version {OldestVersion} or newer is needed.");
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
        if (applied.Except(known).FirstOrDefault() is { } newer)
        {
            throw new StartRefusedException(
                $"The database has the schema of a newer version (migration {newer}). Start that version, or restore an older backup of "
                + "the database.");
        }

        if (known.Except(applied).ToList() is { Count: > 0 } pending)
        {
            db.Database.SetCommandTimeout(TimeSpan.FromMinutes(5)); // a change to a large table may take longer than any request
            await db.Database.MigrateAsync(cancellationToken);
            LogMigrated(string.Join(", ", pending));
        }
    }

    // Entity Framework's own method would build a model of this one table first, at every start.
    private static async Task<List<string>> ReadAppliedAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("SELECT \"MigrationId\" FROM \"__EFMigrationsHistory\"", connection);
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
}
