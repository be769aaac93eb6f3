using System.Text.RegularExpressions;
using AuthMesh.Identity.Accounts;
using AuthMesh.Identity.Keys;
using AuthMesh.Identity.Revocations;
using AuthMesh.Identity.Sessions;
using AuthMesh.Identity.Throttling;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Npgsql;

namespace AuthMesh.Identity.Database;

/// <summary>Everything that the identity service keeps. Each entity brings its own mapping.</summary>
internal sealed partial class IdentityDb(DbContextOptions<IdentityDb> options) : DbContext(options)
{
    public DbSet<User> Users => Set<User>();

    public DbSet<Session> Sessions => Set<Session>();

    public DbSet<RingKey> RingKeys => Set<RingKey>();

    public DbSet<Revocation> Revocations => Set<Revocation>();

    public DbSet<Verifier> Verifiers => Set<Verifier>();

    public DbSet<AttemptCount> AttemptCounts => Set<AttemptCount>();

    /// <summary>For within a transaction: it keeps the connection open, on which the command runs.</summary>
    public NpgsqlCommand CreateCommand(string sql) => new(sql, (NpgsqlConnection)Database.GetDbConnection());

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        modelBuilder.ApplyConfiguration(new UserMapping());
        modelBuilder.ApplyConfiguration(new SessionMapping());
        modelBuilder.ApplyConfiguration(new RingKeyMapping());
        modelBuilder.ApplyConfiguration(new RevocationMapping());
        modelBuilder.ApplyConfiguration(new VerifierMapping());
        modelBuilder.ApplyConfiguration(new AttemptCountMapping());

        // snake_case as everybody writes it in SQL by hand.
        foreach (var property in modelBuilder.Model.GetEntityTypes().SelectMany(entity => entity.GetProperties()))
        {
            property.SetColumnName(WordStart().Replace(property.Name, "_$0").ToLowerInvariant());
        }
    }

    [GeneratedRegex("(?<!^)[A-Z]")]
    private static partial Regex WordStart();
}

internal static class DatabaseServices
{
    public static IServiceCollection AddDatabase(this IServiceCollection services)
    {
        services.AddSingleton<NpgsqlDataSource>(provider =>
        {
            var connection = provider.GetRequiredService<IOptions<IdentityOptions>>().Value.Database.Read();
            var builder = new NpgsqlDataSourceBuilder(connection.ConnectionString);
            builder.UseLoggerFactory(provider.GetRequiredService<ILoggerFactory>());
            // With several hosts (a primary and its standbys) only the one that takes writes is of use.
            return connection.Host!.Contains(',', StringComparison.Ordinal)
                ? builder.BuildMultiHost().WithTargetSession(TargetSessionAttributes.Primary)
                : builder.Build();
        });
        services.AddDbContext<IdentityDb>((provider, db) => db.UseNpgsql(provider.GetRequiredService<NpgsqlDataSource>()));
        services.AddSingleton(DatabaseUnavailable.Rule);
        services.AddHostedService<Prune>();
        return services;
    }
}
