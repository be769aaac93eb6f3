using Microsoft.EntityFrameworkCore.Migrations;
using Npgsql;

namespace AuthMesh.Identity.Platform.Database;

/// <summary>
/// The oldest version that can use the schema, in the one row of <c>schema_version</c>. A version is named by its newest migration. So an
/// older version can start beside a newer one, unless a migration took away what it needs.
/// </summary>
internal static class SchemaVersion
{
    /// <summary>Creates the row.</summary>
    public static void CreateSchemaVersion(this MigrationBuilder migration) => migration.Sql(
        """
        CREATE TABLE schema_version (
            id integer PRIMARY KEY DEFAULT 1 CHECK (id = 1),
            oldest_version text NOT NULL
        );
        INSERT INTO schema_version (oldest_version) VALUES ('');
        """);

    /// <summary>
    /// Refuses the start of versions that do not have this migration. A migration calls it with its own id if it removes or renames
    /// something, or demands more of rows. Deploy the version that no longer needs it first.
    /// </summary>
    public static void RefuseVersionsBefore(this MigrationBuilder migration, string migrationId) =>
        migration.Sql($"UPDATE schema_version SET oldest_version = '{migrationId}'");

    /// <returns>The migration that a version must have; null if the database does not say.</returns>
    public static async Task<string?> ReadOldestAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("SELECT oldest_version FROM schema_version", connection);
        try
        {
            return (string?)await command.ExecuteScalarAsync(cancellationToken);
        }
        catch (PostgresException exception) when (exception.SqlState == PostgresErrorCodes.UndefinedTable)
        {
            return null; // the schema of another program, or of a version before this table
        }
    }
}
