using Microsoft.EntityFrameworkCore.Migrations;

namespace AuthMesh.Identity.Platform.Database;

/// <summary>SQL in a file of a module: the present text of functions and triggers. The file is embedded under its name.</summary>
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
    /// Applies the present text of a file. Only the newest migration that applies a file does so: an older one would meet a text that needs
    /// tables of a newer one.
    /// </summary>
    public static void ApplySql(this MigrationBuilder migration, string name) => migration.Sql(Read(name));
}
