using System.Buffers.Binary;
using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using AuthMesh.Identity.Keys;
using AuthMesh.Identity.Platform;

namespace AuthMesh.Identity.Admin;

/// <summary>
/// Where the next page begins. Under an HMAC, so that callers keep to what they were given and its form can change: whatever is not ours,
/// or belongs to another search, is known for that.
/// </summary>
/// <param name="After">The normalized name that the page before ended with.</param>
/// <param name="Search">What was searched for; not in the text, but in its HMAC.</param>
internal sealed record UserCursor(string After, string Search)
{
    private const byte Version = 1;

    // version, key, HMAC, name.
    private const int KeyAt = 1, MacAt = 5, NameAt = MacAt + HMACSHA256.HashSizeInBytes;

    private static readonly byte[] Purpose = "authmesh users cursor 1"u8.ToArray();

    public string ToText(KeyRing ring)
    {
        var (keyId, key) = ring.CurrentRefreshTokenKey;
        var bytes = new byte[NameAt + After.Length]; // names are ASCII
        bytes[0] = Version;
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(KeyAt), uint.Parse(keyId, NumberStyles.HexNumber, CultureInfo.InvariantCulture));
        Encoding.ASCII.GetBytes(After, bytes.AsSpan(NameAt));
        Mac(key).CopyTo(bytes.AsSpan(MacAt));
        return Base64Url.EncodeToString(bytes);
    }

    /// <returns>The cursor, or null where the text is not one that <see cref="ToText"/> wrote for this search with a key of this ring.</returns>
    public static UserCursor? TryParse(string text, string search, KeyRing ring)
    {
        if (text.Length > Base64Url.GetEncodedLength(NameAt + Users.Username.MaximumLength))
        {
            return null;
        }

        var bytes = new byte[Base64Url.GetMaxDecodedLength(text.Length)];
        if (bytes.Length <= NameAt || !CanonicalBase64Url.TryDecode(text, bytes) || bytes[0] != Version
            || ring.FindRefreshTokenKey(Convert.ToHexStringLower(bytes.AsSpan(KeyAt..MacAt))) is not { } key)
        {
            return null;
        }

        var cursor = new UserCursor(Encoding.Latin1.GetString(bytes.AsSpan(NameAt)), search);
        return CryptographicOperations.FixedTimeEquals(cursor.Mac(key), bytes.AsSpan(MacAt..NameAt)) ? cursor : null;
    }

    // A key of its own, so that nothing which is sealed here can pass for a refresh token (RFC 5869 §3.2). Names hold no U+0000.
    private byte[] Mac(byte[] key) => HMACSHA256.HashData(
        HKDF.Expand(HashAlgorithmName.SHA256, key, HMACSHA256.HashSizeInBytes, Purpose), Encoding.Latin1.GetBytes($"{After}\0{Search}"));
}
