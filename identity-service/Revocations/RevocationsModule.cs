using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Tokens;
using Microsoft.EntityFrameworkCore;

namespace AuthMesh.Identity.Revocations;

internal static class RevocationsModule
{
    // The newest entry stays, so that the log always has a position.
    private static readonly PruneStatement Expired = new(
        "revocations",
        $"""
        DELETE FROM revocations WHERE position = ANY (ARRAY(
            SELECT position FROM revocations
            WHERE written_at < now() - interval '{(int)AccessTokenLifetime.Remembered.TotalMinutes} minutes'
                AND position < (SELECT max(position) FROM revocations)
            LIMIT @batch FOR UPDATE SKIP LOCKED))
        """);

    public static readonly Module Instance = new("Revocations")
    {
        AddServices = services => services
            .AddSingleton<RevocationLog>()
            .AddSingleton<RevocationLag>()
            .AddSingleton(Expired)
            .AddHostedService<FollowRevocations>(),
        MapEndpoints = app => Feed.Map(app.MapInternal()),
        MapEntities = model => model.ApplyConfiguration(new RevocationMapping()),
    };

    extension(IdentityDb db)
    {
        public DbSet<Revocation> Revocations => db.Set<Revocation>();
    }
}
