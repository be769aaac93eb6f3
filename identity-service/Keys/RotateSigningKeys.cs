using AuthMesh.Identity.Platform.Database;
using AuthMesh.Tokens;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace AuthMesh.Identity.Keys;

/// <summary>
/// Moves signing pairs through their life. An announced pair waits until every verifier can know it, then it signs, then it only verifies.
/// It is deleted once all its tokens have expired. One transaction decides everything from the stored state.
/// </summary>
internal sealed class RotateSigningKeys(IdentityDb db, MasterKey masterKey, IOptions<KeyOptions> options)
{
    /// <summary>Takes the steps that are due.</summary>
    /// <param name="isDue">Whether to rotate the current key regardless of its age.</param>
    /// <param name="awaited">The key that the caller already waits for. If it already signs, another replica rotated first and nothing
    /// is due.</param>
    /// <param name="overdue">The key that has waited for silent verifiers for the whole ceiling and is activated without their
    /// acknowledgement; null if none has.</param>
    /// <param name="cancellationToken">Cancels the attempt and rolls it back.</param>
    public async Task<Rotation> TryAsync(bool isDue, string? awaited, string? overdue, CancellationToken cancellationToken)
    {
        await using var change = await RingChange.BeginAsync(db, cancellationToken);
        var pairs = await db.RingKeys.Where(key => key.Purpose == RingKeyPurpose.Signing).ToListAsync(cancellationToken);
        db.RingKeys.RemoveRange(
            pairs.Where(key => key.State == RingKeyState.Retired && key.RetiredAt <= change.Now - AccessTokenLifetime.Remembered));
        var rotation = await TryAsync(pairs, isDue, awaited, overdue, change.Now, cancellationToken);
        await db.SaveChangesAsync(cancellationToken);
        await change.CommitAsync(cancellationToken);
        return rotation;
    }

    private async Task<Rotation> TryAsync(
        List<RingKey> pairs, bool isDue, string? awaited, string? overdue, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var current = pairs.Find(key => key.State == RingKeyState.Current);
        if (current is not null && current.Id == awaited)
        {
            return new Rotation.DoneByAnother(current.Id);
        }

        if (!isDue && now < current?.ActivatedAt + options.Value.RotationInterval)
        {
            return new Rotation.NotDue();
        }

        if (pairs.Find(key => key.State == RingKeyState.Announced) is not { } next)
        {
            next = RingKey.CreateSigningPair(masterKey, RingKeyState.Announced, now);
            db.RingKeys.Add(next);
        }
        else if (next.TryOpen(masterKey) is null)
        {
            return new Rotation.NotDue(); // a replica with the right master key will rotate
        }

        // 1. Wait until every cached key set from before the announcement has expired.
        if (next.CreatedAt + options.Value.MaxAge is var until && until > now)
        {
            return new Rotation.Announced(next.Id, until);
        }

        // 2. Wait until every connected verifier has acknowledged the key.
        var silent = await VerifierRegister.FindSilentAsync(db, next.Id, now, cancellationToken);
        if (silent.Count > 0 && next.Id != overdue)
        {
            return new Rotation.Awaiting(next.Id, silent);
        }

        // 3. Retire the old key first: a unique index allows only one current key, even within the transaction.
        if (current is not null)
        {
            current.Retire(now);
            await db.SaveChangesAsync(cancellationToken);
        }

        next.Activate(now);
        var announced = RingKey.CreateSigningPair(masterKey, RingKeyState.Announced, now);
        db.RingKeys.Add(announced);
        return new Rotation.Done(next.Id, announced.Id, silent);
    }
}

/// <summary>The outcome of an attempt.</summary>
internal abstract record Rotation
{
    private Rotation()
    {
    }

    /// <summary>The current key continues to sign.</summary>
    public sealed record NotDue : Rotation;

    /// <summary>The awaited key already signs.</summary>
    public sealed record DoneByAnother(string KeyId) : Rotation;

    /// <summary>The next key has not been announced for long enough.</summary>
    public sealed record Announced(string KeyId, DateTimeOffset Until) : Rotation;

    /// <summary>These verifiers have not acknowledged the key yet.</summary>
    public sealed record Awaiting(string KeyId, IReadOnlyList<string> Verifiers) : Rotation;

    /// <summary>The key signs now; the silent verifiers did not acknowledge it.</summary>
    public sealed record Done(string KeyId, string AnnouncedKeyId, IReadOnlyList<string> Silent) : Rotation;
}
