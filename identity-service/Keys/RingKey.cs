using System.Security.Cryptography;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace AuthMesh.Identity.Keys;

internal enum RingKeyPurpose
{
    Signing,
    Pepper,

    /// <summary>Keys of <see cref="MacToken"/>s. The table and the seal call this purpose RefreshToken, its first use.</summary>
    Mac,

    /// <summary>Keys of <see cref="SealedSecret"/>s.</summary>
    Seal,
}

/// <summary>
/// A signing pair is first announced, then current, then retired (it only verifies), then deleted. A key of another
/// purpose is current or retired.
/// </summary>
internal enum RingKeyState
{
    Announced,
    Current,
    Retired,
}

/// <summary>One independent random key, sealed under the master key.</summary>
internal sealed class RingKey
{
    private RingKey()
    {
    }

    /// <summary>A signing key's <c>kid</c>; a pepper's name in stored hashes; 8 hexadecimal digits for other keys.</summary>
    public string Id { get; private set; } = null!;

    public RingKeyPurpose Purpose { get; private set; }

    public RingKeyState State { get; private set; }

    public byte[] SealedSecret { get; private set; } = null!;

    public DateTimeOffset CreatedAt { get; private set; }

    /// <summary>When it began to sign, or to serve new hashes and tokens; null while it is only announced.</summary>
    public DateTimeOffset? ActivatedAt { get; private set; }

    /// <summary>When it became a key that only verifies.</summary>
    public DateTimeOffset? RetiredAt { get; private set; }

    public static RingKey CreateSigningPair(MasterKey masterKey, RingKeyState state, DateTimeOffset now)
    {
        using var pair = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return Create(masterKey, SigningKey.Thumbprint(pair), RingKeyPurpose.Signing, state, pair.ExportPkcs8PrivateKey(), now);
    }

    /// <summary>Creates a pepper of 48 bytes, the output size of SHA-384.</summary>
    public static RingKey CreatePepper(MasterKey masterKey, DateTimeOffset now) => CreateSecret(masterKey, RingKeyPurpose.Pepper, 48, now);

    /// <summary>Creates an HMAC key of 32 bytes, the output size of SHA-256.</summary>
    public static RingKey CreateMacKey(MasterKey masterKey, DateTimeOffset now) =>
        CreateSecret(masterKey, RingKeyPurpose.Mac, 32, now);

    /// <summary>Creates an AES-256 key.</summary>
    public static RingKey CreateSealKey(MasterKey masterKey, DateTimeOffset now) =>
        CreateSecret(masterKey, RingKeyPurpose.Seal, 32, now);

    /// <summary>Lets an announced pair sign. The previous current pair must already be stored as retired.</summary>
    public void Activate(DateTimeOffset now) => (State, ActivatedAt) = (RingKeyState.Current, now);

    /// <summary>Stops a pair from signing. It still verifies the tokens that it signed.</summary>
    public void Retire(DateTimeOffset now) => (State, RetiredAt) = (RingKeyState.Retired, now);

    /// <summary>Seals the key again under the current master key, whether the current or the previous one opened it.</summary>
    /// <returns>False if the key does not open; nothing changes then.</returns>
    public bool TryReseal(MasterKey masterKey)
    {
        if (TryOpen(masterKey) is not { } secret)
        {
            return false;
        }

        SealedSecret = masterKey.Seal(secret, Context(Id, Purpose));
        return true;
    }

    public byte[]? TryOpen(MasterKey masterKey) => masterKey.TryOpen(SealedSecret, Context(Id, Purpose));

    private static RingKey CreateSecret(MasterKey masterKey, RingKeyPurpose purpose, int bytes, DateTimeOffset now) => Create(
        masterKey, RandomNumberGenerator.GetHexString(8, lowercase: true), purpose, RingKeyState.Current,
        RandomNumberGenerator.GetBytes(bytes), now);

    private static RingKey Create(
        MasterKey masterKey, string id, RingKeyPurpose purpose, RingKeyState state, byte[] secret, DateTimeOffset now) => new()
        {
            Id = id,
            Purpose = purpose,
            State = state,
            SealedSecret = masterKey.Seal(secret, Context(id, purpose)),
            CreatedAt = now,
            ActivatedAt = state == RingKeyState.Current ? now : null,
        };

    // An attacker with write access to the table cannot pass one key off as another.
    private static string Context(string id, RingKeyPurpose purpose) => $"authmesh key ring 1 {RingKeyMapping.StoredName(purpose)} {id}";
}

internal sealed class RingKeyMapping : IEntityTypeConfiguration<RingKey>
{
    // Replicas of an earlier version read the same table.
    private const string MacName = "RefreshToken";

    public static string StoredName(RingKeyPurpose purpose) => purpose == RingKeyPurpose.Mac ? MacName : purpose.ToString();

    private static RingKeyPurpose ReadPurpose(string name) => name == MacName ? RingKeyPurpose.Mac : Enum.Parse<RingKeyPurpose>(name);

    public void Configure(EntityTypeBuilder<RingKey> key)
    {
        key.ToTable("ring_keys");
        key.HasKey(k => k.Id);
        key.Property(k => k.Purpose).HasConversion(purpose => StoredName(purpose), name => ReadPurpose(name));
        key.Property(k => k.State).HasConversion<string>();
        // The index makes all replicas agree on one current key for each purpose.
        key.HasIndex(k => k.Purpose).IsUnique().HasFilter("state = 'Current'").HasDatabaseName("ux_ring_keys_current");
    }
}
