using AuthMesh.Identity.Platform.Database;
using AuthMesh.Tokens;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace AuthMesh.Identity.Keys;

/// <summary>
/// The life of a signing pair: announced, it waits until everybody can know it; then it signs; then it verifies what it signed; and
/// when nothing of that can be alive any more, it is gone. Everything is decided inside one transaction, from what is stored then.
/// </summary>
internal sealed class RotateSigningKeys(IdentityDb db, MasterKey masterKey, IOptions<KeyOptions> options)
{
    /// <summary>Does what is due.</summary>
    /// <param name="isDue">Whether the current key has to go whatever its age.</param>
    /// <param name="awaited">The key that the caller already waits for: if it signs by now, somebody else was quicker and nothing is
    /// due.</param>
    /// <param name="overdue">The key that has waited for silent verifiers long enough, and signs without their word; null where none has.</param>
    /// <param name="cancellationToken">Ends it, and nothing was done.</param>
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
            return new Rotation.NotDue(); // here: a replica with the right master key will do it
        }

        // 1. Everybody who may cache the key set has had to ask again since the key is in it.
        if (next.CreatedAt + options.Value.MaxAge is var until && until > now)
        {
            return new Rotation.Announced(next.Id, until);
        }

        // 2. Everybody who listens has said that it holds the key.
        var silent = await VerifierRegister.FindSilentAsync(db, next.Id, now, cancellationToken);
        if (silent.Count > 0 && next.Id != overdue)
        {
            return new Rotation.Awaiting(next.Id, silent);
        }

        // 3. Two keys that sign are never stored, not even for a moment.
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

/// <summary>What came of an attempt.</summary>
internal abstract record Rotation
{
    private Rotation()
    {
    }

    /// <summary>The current key goes on.</summary>
    public sealed record NotDue : Rotation;

    /// <summary>The key that was waited for signs already.</summary>
    public sealed record DoneByAnother(string KeyId) : Rotation;

    /// <summary>The next key is not known for long enough.</summary>
    public sealed record Announced(string KeyId, DateTimeOffset Until) : Rotation;

    /// <summary>These verifiers do not hold it yet.</summary>
    public sealed record Awaiting(string KeyId, IReadOnlyList<string> Verifiers) : Rotation;

    /// <summary>It signs; these verifiers did not say that they hold it.</summary>
    public sealed record Done(string KeyId, string AnnouncedKeyId, IReadOnlyList<string> Silent) : Rotation;
}
