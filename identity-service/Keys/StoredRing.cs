using AuthMesh.Identity.Platform.Database;
using AuthMesh.Settings;
using Microsoft.EntityFrameworkCore;

namespace AuthMesh.Identity.Keys;

/// <summary>Loads the stored ring at startup: every key must open, and missing keys are created.</summary>
/// <param name="Keys">All keys of the ring.</param>
/// <param name="Created">Those that did not exist before.</param>
/// <param name="ReadAt">The time of the reading, by PostgreSQL's clock.</param>
internal sealed record StoredRing(List<RingKey> Keys, IReadOnlyList<RingKey> Created, DateTimeOffset ReadAt)
{
    /// <summary>Only one replica at a time may call this: the caller holds the <see cref="PreparationLock"/>.</summary>
    /// <exception cref="StartRefusedException">
    /// The master key does not open the ring, or the ring is missing while users exist. No key is created then: with new keys beside
    /// unopened ones, this replica would sign tokens and hash passwords that no other replica understands.
    /// </exception>
    public static async Task<StoredRing> OpenOrCreateAsync(IdentityDb db, MasterKey masterKey, CancellationToken cancellationToken)
    {
        var now = await DatabaseClock.ReadAsync(db, cancellationToken);
        var keys = await db.RingKeys.ToListAsync(cancellationToken);
        if (keys.Find(key => key.TryOpen(masterKey) is null) is { } unopened)
        {
            throw new StartRefusedException(
                $"The master key does not open the stored key ring (key {unopened.Id}). Nothing was changed. Set Identity:MasterKey or "
                + "Identity:MasterKeyFile to the master key of the first start, or to the one of the last reseal. While you change the "
                + "master key, set Identity:PreviousMasterKey or Identity:PreviousMasterKeyFile to the old one.");
        }

        var missing = CreateMissing(keys, masterKey, now);
        if (missing.Exists(key => key.Purpose == RingKeyPurpose.Pepper) && await AreThereUsersAsync(db, cancellationToken))
        {
            throw new StartRefusedException(
                "Users exist, but the pepper that checks their passwords is missing: the table ring_keys has lost rows. Nothing was "
                + "changed. Restore ring_keys from the same backup as the users.");
        }

        if (missing.Exists(key => key.Purpose == RingKeyPurpose.Seal) && await AreThereSealedSecretsAsync(db, cancellationToken))
        {
            throw new StartRefusedException(
                "Users have authenticator apps, but the key that seals their secrets is missing: the table ring_keys has lost rows. "
                + "Nothing was changed. Restore ring_keys from the same backup as the users.");
        }

        if (missing.Count > 0)
        {
            db.RingKeys.AddRange(missing); // the trigger keys_changed tells every replica and verifier
            await db.SaveChangesAsync(cancellationToken);
        }

        return new StoredRing([.. keys, .. missing], missing, now);
    }

    private static List<RingKey> CreateMissing(List<RingKey> keys, MasterKey masterKey, DateTimeOffset now)
    {
        var missing = new List<RingKey>();
        bool Has(RingKeyPurpose purpose, RingKeyState state) => keys.Exists(key => key.Purpose == purpose && key.State == state);

        if (!Has(RingKeyPurpose.Signing, RingKeyState.Current))
        {
            missing.Add(RingKey.CreateSigningPair(masterKey, RingKeyState.Current, now));
        }

        // The ring always announces the next key, so that verifiers know it long before it signs.
        if (!Has(RingKeyPurpose.Signing, RingKeyState.Announced))
        {
            missing.Add(RingKey.CreateSigningPair(masterKey, RingKeyState.Announced, now));
        }

        if (!Has(RingKeyPurpose.Pepper, RingKeyState.Current))
        {
            missing.Add(RingKey.CreatePepper(masterKey, now));
        }

        if (!Has(RingKeyPurpose.Mac, RingKeyState.Current))
        {
            missing.Add(RingKey.CreateMacKey(masterKey, now));
        }

        if (!Has(RingKeyPurpose.Seal, RingKeyState.Current))
        {
            missing.Add(RingKey.CreateSealKey(masterKey, now));
        }

        return missing;
    }

    // By SQL: the entities belong to modules above this one.
    private static Task<bool> AreThereUsersAsync(IdentityDb db, CancellationToken cancellationToken) =>
        db.Database.SqlQuery<bool>($"SELECT EXISTS (SELECT FROM users) AS \"Value\"").SingleAsync(cancellationToken);

    private static Task<bool> AreThereSealedSecretsAsync(IdentityDb db, CancellationToken cancellationToken) =>
        db.Database.SqlQuery<bool>($"SELECT EXISTS (SELECT FROM totp_secrets) AS \"Value\"").SingleAsync(cancellationToken);
}
