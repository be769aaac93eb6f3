using AuthMesh.Identity.Platform.Database;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;

namespace AuthMesh.Identity.Keys;

/// <summary>
/// A transaction that changes the stored ring. An advisory lock serializes these transactions across all replicas and commands, so each
/// one reads what the previous one committed. The trigger <c>keys_changed</c> notifies every replica and verifier.
/// </summary>
internal sealed class RingChange : IAsyncDisposable
{
    private const long Lock = 0x61757468_6b657973; // "authkeys"

    private readonly IDbContextTransaction transaction;

    private RingChange(IDbContextTransaction transaction, DateTimeOffset now) => (this.transaction, Now) = (transaction, now);

    /// <summary>PostgreSQL's time after the wait for the lock.</summary>
    public DateTimeOffset Now { get; }

    public static async Task<RingChange> BeginAsync(IdentityDb db, CancellationToken cancellationToken)
    {
        var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        try
        {
            await db.Database.ExecuteSqlAsync($"SELECT pg_advisory_xact_lock({Lock})", cancellationToken);
            db.ChangeTracker.Clear(); // entities tracked before the lock would hide the stored values
            return new RingChange(transaction, await DatabaseClock.ReadAsync(db, cancellationToken));
        }
        catch
        {
            await transaction.DisposeAsync();
            throw;
        }
    }

    public Task CommitAsync(CancellationToken cancellationToken) => transaction.CommitAsync(cancellationToken);

    public ValueTask DisposeAsync() => transaction.DisposeAsync();
}
