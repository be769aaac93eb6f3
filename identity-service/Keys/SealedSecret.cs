namespace AuthMesh.Identity.Keys;

/// <summary>A user's secret that the service must read again, such as a TOTP secret. A key of the ring seals it.</summary>
/// <param name="KeyId">The key of the ring, which the table stores beside the sealed bytes.</param>
/// <param name="Bytes">What <see cref="AesSeal"/> made of it.</param>
internal sealed record SealedSecret(string KeyId, byte[] Bytes)
{
    /// <param name="secret">The bytes to seal.</param>
    /// <param name="context">The secret's use and owner: a row that somebody copies to another user does not open.</param>
    /// <param name="ring">Its current seal key seals.</param>
    public static SealedSecret Create(ReadOnlySpan<byte> secret, string context, KeyRing ring)
    {
        var (id, key) = ring.CurrentSealKey;
        return new SealedSecret(id, AesSeal.Seal(key, secret, context));
    }

    /// <returns>The secret, or null if the ring lacks the key, or the context is another one, or somebody changed the bytes.</returns>
    public byte[]? TryOpen(string context, KeyRing ring) =>
        ring.FindSealKey(KeyId) is { } key ? AesSeal.TryOpen(key, Bytes, context) : null;
}
