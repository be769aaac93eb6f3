using Microsoft.EntityFrameworkCore;

namespace AuthMesh.Identity.Platform.Database;

/// <summary>PostgreSQL's clock, which all replicas share.</summary>
internal static class DatabaseClock
{
    // Not now(): it returns the start of the transaction, before any wait for a lock.
    public static Task<DateTimeOffset> ReadAsync(IdentityDb db, CancellationToken cancellationToken) =>
        db.Database.SqlQuery<DateTimeOffset>($"SELECT clock_timestamp() AS \"Value\"").SingleAsync(cancellationToken);
}
