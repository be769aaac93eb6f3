using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using Microsoft.EntityFrameworkCore;

namespace AuthMesh.Identity.Throttling;

internal static class ThrottlingModule
{
    // A count whose window is over is obsolete. A row whose window an attempt restarts at this moment is locked, so the cleanup skips it.
    private static readonly PruneStatement Over = new(
        "attempt counts",
        """
        DELETE FROM attempt_counts WHERE key = ANY (ARRAY(
            SELECT key FROM attempt_counts WHERE resets_at <= now() LIMIT @batch FOR UPDATE SKIP LOCKED))
        """);

    public static readonly Module Instance = new("Throttling")
    {
        AddServices = services => services.AddSingleton<Budgets>().AddSingleton<DeviceCookies>().AddScoped<Throttle>().AddSingleton(Over),
        MapEntities = model => model.ApplyConfiguration(new AttemptCountMapping()),
        Settings = [typeof(ThrottlingOptions)],
    };

    extension(IdentityDb db)
    {
        public DbSet<AttemptCount> AttemptCounts => db.Set<AttemptCount>();
    }
}
