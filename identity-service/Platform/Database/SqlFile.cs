using Microsoft.EntityFrameworkCore.Migrations;

namespace AuthMesh.Identity.Platform.Database;

/// <summary>SQL in a file of a module: the current text of functions and triggers. The file is embedded under its name.</summary>
internal static class SqlFile
{
    public static string Read(string name)
    {
        using var stream = typeof(SqlFile).Assembly.GetManifestResourceStream(name)
            ?? throw new InvalidOperationException($"{name} is not embedded: identity-service.csproj must list it.");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }

    /// <summary>
    /// Applies the current text of a file. Only the newest migration that changes a file may apply it: in an older migration, the text
    /// could need tables that a newer one creates.
    /// </summary>
    public static void ApplySql(this MigrationBuilder migration, string name) => migration.Sql(Read(name));
}
