using Microsoft.EntityFrameworkCore;

namespace AuthMesh.Identity.Platform.Database;

/// <summary>PostgreSQL's clock, the one that all replicas share.</summary>
internal static class DatabaseClock
{
    // Not now(), which is the time at which the transaction began, before it waited for anything.
    public static Task<DateTimeOffset> ReadAsync(IdentityDb db, CancellationToken cancellationToken) =>
        db.Database.SqlQuery<DateTimeOffset>($"SELECT clock_timestamp() AS \"Value\"").SingleAsync(cancellationToken);
}
