using System.CommandLine;
using AuthMesh.Identity.Platform.Database;
using Microsoft.EntityFrameworkCore;

namespace AuthMesh.Identity.Operator;

/// <summary>
/// Brings the schema to this version, for a service whose database user may not change it. Run it with the connection of a user who may:
/// <c>Identity__Database__ConnectionString=… identity-service migrate</c>. It needs no other secret of the service.
/// </summary>
internal static class MigrateSchema
{
    public static OperatorCommand Define() => new("migrate", "Brings the schema of the database to this version", DescribeAsync)
    {
        NeedsOnlyDatabase = true,
    };

    // Every command migrates before its own work.
    private static async Task<string> DescribeAsync(IServiceProvider services, ParseResult parsed, CancellationToken cancellationToken)
    {
        var applied = await services.GetRequiredService<IdentityDb>().Database.GetAppliedMigrationsAsync(cancellationToken);
        return $"The schema is at the migration {applied.Last()}.";
    }
}
