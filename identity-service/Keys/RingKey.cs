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
}

/// <summary>
/// A signing pair is announced, signs, verifies what it signed, and is gone. A pepper or an HMAC key is the current one or an old one.
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

    /// <summary>A signing key's <c>kid</c>; a pepper's name in stored hashes; 8 hexadecimal digits for an HMAC key.</summary>
    public string Id { get; private set; } = null!;

    public RingKeyPurpose Purpose { get; private set; }

    public RingKeyState State { get; private set; }

    public byte[] SealedSecret { get; private set; } = null!;

    public DateTimeOffset CreatedAt { get; private set; }

    /// <summary>Since when it signs, or is what new hashes and tokens use; null while it is only announced.</summary>
    public DateTimeOffset? ActivatedAt { get; private set; }

    /// <summary>Since when it only verifies what it made before.</summary>
    public DateTimeOffset? RetiredAt { get; private set; }

    public static RingKey CreateSigningPair(MasterKey masterKey, RingKeyState state, DateTimeOffset now)
    {
        using var pair = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return Create(masterKey, SigningKey.Thumbprint(pair), RingKeyPurpose.Signing, state, pair.ExportPkcs8PrivateKey(), now);
    }

    /// <summary>SHA-384's own size.</summary>
    public static RingKey CreatePepper(MasterKey masterKey, DateTimeOffset now) => CreateSecret(masterKey, RingKeyPurpose.Pepper, 48, now);

    /// <summary>SHA-256's own size.</summary>
    public static RingKey CreateMacKey(MasterKey masterKey, DateTimeOffset now) =>
        CreateSecret(masterKey, RingKeyPurpose.Mac, 32, now);

    /// <summary>An announced pair begins to sign. The one that signed until now must have retired, and be stored so.</summary>
    public void Activate(DateTimeOffset now) => (State, ActivatedAt) = (RingKeyState.Current, now);

    /// <summary>From now on it only verifies what it signed.</summary>
    public void Retire(DateTimeOffset now) => (State, RetiredAt) = (RingKeyState.Retired, now);

    /// <summary>Seals it anew, with the master key of now whichever opened it.</summary>
    /// <returns>False, and nothing is changed, where it does not open.</returns>
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

    // Somebody who can write to the table cannot make one key pass for another.
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
        // Several replicas agree on one key that signs and one pepper that new hashes use.
        key.HasIndex(k => k.Purpose).IsUnique().HasFilter("state = 'Current'").HasDatabaseName("ux_ring_keys_current");
    }
}
