using AuthMesh.Identity.Platform.Database;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;

namespace AuthMesh.Identity.Keys;

/// <summary>
/// A transaction that changes the stored ring: one at a time, whichever replica or command it belongs to. What is read in it is what
/// the one before left. The trigger <c>keys_changed</c> tells every replica and verifier.
/// </summary>
internal sealed class RingChange : IAsyncDisposable
{
    private const long Lock = 0x61757468_6b657973; // "authkeys"

    private readonly IDbContextTransaction transaction;

    private RingChange(IDbContextTransaction transaction, DateTimeOffset now) => (this.transaction, Now) = (transaction, now);

    /// <summary>By PostgreSQL's clock, after the wait for the turn.</summary>
    public DateTimeOffset Now { get; }

    public static async Task<RingChange> BeginAsync(IdentityDb db, CancellationToken cancellationToken)
    {
        var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        try
        {
            await db.Database.ExecuteSqlAsync($"SELECT pg_advisory_xact_lock({Lock})", cancellationToken);
            db.ChangeTracker.Clear(); // what was read before the turn would hide what is stored now
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
