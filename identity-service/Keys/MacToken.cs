using System.Buffers.Text;
using System.Security.Cryptography;
using AuthMesh.Identity.Platform;

namespace AuthMesh.Identity.Keys;

/// <summary>
/// The purpose of a <see cref="MacToken"/>. A token of one purpose never passes for another, because each purpose has its own key.
/// </summary>
/// <param name="Label">
/// Derives the purpose's key (RFC 5869 §2.3). Null uses the ring's key itself, as refresh tokens did before purposes existed.
/// </param>
/// <param name="PayloadBytes">The payload's length, or its maximum length if <paramref name="IsFixed"/> is false.</param>
/// <param name="IsFixed">Whether every payload has exactly that length.</param>
/// <param name="Prefix">Precedes the token, so that people and secret scanners recognise it.</param>
internal sealed record MacPurpose(string? Label, int PayloadBytes, bool IsFixed = true, string Prefix = "")
{
    public bool Fits(int payloadBytes) => IsFixed ? payloadBytes == PayloadBytes : payloadBytes > 0 && payloadBytes <= PayloadBytes;
}

/// <summary>
/// A payload as text that only this mesh can write: an HMAC-SHA-256 under a key of the ring covers all of it. The database stores nothing
/// for it, and refusing a forged token costs no query.
/// </summary>
/// <param name="Purpose">What the token is for.</param>
/// <param name="KeyId">The HMAC key of the ring: 8 hexadecimal digits.</param>
/// <param name="Payload">The content, in the layout of the purpose.</param>
internal sealed record MacToken(MacPurpose Purpose, string KeyId, byte[] Payload)
{
    private const byte Version = 1;

    // version, key, payload, HMAC.
    private const int KeyAt = 1, PayloadAt = 5, MacBytes = HMACSHA256.HashSizeInBytes;

    /// <summary>Creates a token under the ring's current key.</summary>
    public static MacToken Create(MacPurpose purpose, byte[] payload, KeyRing ring) => new(purpose, ring.CurrentMacKey.Id, payload);

    /// <summary>The same token gives the same text, on every replica.</summary>
    public string ToText(KeyRing ring)
    {
        var macAt = PayloadAt + Payload.Length;
        Span<byte> bytes = stackalloc byte[macAt + MacBytes];
        bytes[0] = Version;
        Convert.FromHexString(KeyId, bytes[KeyAt..], out _, out _);
        Payload.CopyTo(bytes[PayloadAt..]);
        HMACSHA256.HashData(KeyFor(Purpose, ring.FindMacKey(KeyId)!), bytes[..macAt], bytes[macAt..]);
        return Purpose.Prefix + Base64Url.EncodeToString(bytes);
    }

    /// <returns>The token, or null unless <see cref="ToText"/> wrote exactly this text for this purpose with a key of this ring.</returns>
    public static MacToken? TryParse(MacPurpose purpose, ReadOnlySpan<char> text, KeyRing ring)
    {
        if (!text.StartsWith(purpose.Prefix, StringComparison.Ordinal))
        {
            return null;
        }

        text = text[purpose.Prefix.Length..];
        var length = Base64Url.GetMaxDecodedLength(text.Length);
        var payloadBytes = length - PayloadAt - MacBytes;
        if (!purpose.Fits(payloadBytes))
        {
            return null;
        }

        Span<byte> bytes = stackalloc byte[length], mac = stackalloc byte[MacBytes];
        if (!CanonicalBase64Url.TryDecode(text, bytes) || bytes[0] != Version)
        {
            return null;
        }

        var (keyId, macAt) = (Convert.ToHexStringLower(bytes[KeyAt..PayloadAt]), PayloadAt + payloadBytes);
        if (ring.FindMacKey(keyId) is not { } key)
        {
            return null;
        }

        HMACSHA256.HashData(KeyFor(purpose, key), bytes[..macAt], mac);
        return CryptographicOperations.FixedTimeEquals(mac, bytes[macAt..])
            ? new MacToken(purpose, keyId, bytes[PayloadAt..macAt].ToArray()) : null;
    }

    /// <summary>Derives a key for one use from a key of the ring.</summary>
    public static byte[] DeriveKey(byte[] key, string label) => HKDF.Expand(
        HashAlgorithmName.SHA256, key, HMACSHA256.HashSizeInBytes, System.Text.Encoding.ASCII.GetBytes(label));

    private static byte[] KeyFor(MacPurpose purpose, byte[] key) => purpose.Label is { } label ? DeriveKey(key, label) : key;
}
