using System.Text.RegularExpressions;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Npgsql;

namespace AuthMesh.Identity.Platform.Database;

/// <summary>The database of the identity service. Each module adds its own entities, and a property for each of its tables.</summary>
internal sealed partial class IdentityDb(DbContextOptions<IdentityDb> options, EntityMappings mappings) : DbContext(options)
{
    /// <summary>For use within a transaction: the command runs on the connection that the transaction keeps open.</summary>
    public NpgsqlCommand CreateCommand(string sql) => new(sql, (NpgsqlConnection)Database.GetDbConnection());

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        mappings.Apply(modelBuilder);

        // snake_case, the usual style of hand-written SQL.
        foreach (var property in modelBuilder.Model.GetEntityTypes().SelectMany(entity => entity.GetProperties()))
        {
            property.SetColumnName(WordStart().Replace(property.Name, "_$0").ToLowerInvariant());
        }
    }

    [GeneratedRegex("(?<!^)[A-Z]")]
    private static partial Regex WordStart();
}

/// <summary>The entities of all modules.</summary>
internal sealed class EntityMappings(IEnumerable<Module> modules)
{
    public void Apply(ModelBuilder modelBuilder)
    {
        foreach (var module in modules)
        {
            module.MapEntities(modelBuilder);
        }
    }
}

internal static class DatabaseServices
{
    public static IServiceCollection AddDatabase(this IServiceCollection services)
    {
        services.AddSingleton<Primary>();
        services.AddSingleton<ThrowIfUnconfirmed>();
        services.AddDbContext<IdentityDb>((provider, db) => db
            .UseNpgsql(provider.GetRequiredService<Primary>().CreateConnection(), contextOwnsConnection: true)
            .AddInterceptors(provider.GetRequiredService<ThrowIfUnconfirmed>()));
        services.AddSingleton<DatabaseHealth>();
        services.AddSingleton(provider => provider.GetRequiredService<DatabaseHealth>().Rule);
        services.AddHealthChecks().Add(
            new HealthCheckRegistration(
                "database", provider => provider.GetRequiredService<DatabaseHealth>(), HealthStatus.Degraded, tags: null));
        services.AddSingleton<ReportDurability>();
        services.AddHostedService(provider => provider.GetRequiredService<ReportDurability>());
        services.AddHealthChecks().Add(
            new HealthCheckRegistration(
                "durability", provider => provider.GetRequiredService<ReportDurability>(), HealthStatus.Degraded, tags: null));
        services.AddHostedService<Prune>();
        return services;
    }
}
