using System.Buffers.Binary;
using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using AuthMesh.Identity.Keys;
using AuthMesh.Identity.Platform;

namespace AuthMesh.Identity.Sessions;

/// <summary>
/// Names a session, its epoch and how often its token was rotated, under an HMAC over all of it: nothing is stored for a token, and
/// whatever is not ours is known for that without a question to the database.
/// </summary>
/// <param name="KeyId">The HMAC key of the ring that seals it.</param>
/// <param name="SessionId">The session.</param>
/// <param name="Epoch">The session's epoch when it was made out.</param>
/// <param name="Counter">The session's counter when it was made out.</param>
internal sealed record RefreshToken(string KeyId, Guid SessionId, int Epoch, int Counter)
{
    // So that scanners for leaked secrets, and people, see what it is.
    private const string Prefix = "authmesh_rt_";

    private const byte Version = 1;

    // version, key, session, epoch, counter, HMAC: big-endian, in this order.
    private const int KeyAt = 1, SessionAt = 5, EpochAt = 21, CounterAt = 25, MacAt = 29, Bytes = MacAt + HMACSHA256.HashSizeInBytes;

    /// <summary>The first token of a session, or of an epoch, takes the ring's current key.</summary>
    public static RefreshToken For(LiveSession session, KeyRing ring) =>
        new(ring.CurrentRefreshTokenKey.Id, session.Id, session.Epoch, session.RefreshCounter);

    /// <summary>
    /// The token of the same session with another counter, under the same key: everybody who asks for the successor gets it byte for
    /// byte, also when the ring's current key changed between two who ask. A session lives 90 days at most, so no token needs a key
    /// that has not been the current one for so long.
    /// </summary>
    public RefreshToken At(int counter) => this with { Counter = counter };

    public string ToText(KeyRing ring)
    {
        var bytes = new byte[Bytes];
        bytes[0] = Version;
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(KeyAt), uint.Parse(KeyId, NumberStyles.HexNumber, CultureInfo.InvariantCulture));
        SessionId.TryWriteBytes(bytes.AsSpan(SessionAt), bigEndian: true, out _);
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(EpochAt), Epoch);
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(CounterAt), Counter);
        HMACSHA256.HashData(ring.FindRefreshTokenKey(KeyId)!, bytes.AsSpan(0, MacAt), bytes.AsSpan(MacAt));
        return Prefix + Base64Url.EncodeToString(bytes);
    }

    /// <returns>The token, or null where the text is not one that <see cref="ToText"/> wrote with a key of this ring.</returns>
    public static RefreshToken? TryParse(string text, KeyRing ring)
    {
        Span<byte> bytes = stackalloc byte[Bytes], mac = stackalloc byte[HMACSHA256.HashSizeInBytes];
        if (!text.StartsWith(Prefix, StringComparison.Ordinal) || !CanonicalBase64Url.TryDecode(text.AsSpan(Prefix.Length), bytes) || bytes[0] != Version)
        {
            return null;
        }

        var keyId = Convert.ToHexStringLower(bytes[KeyAt..SessionAt]);
        if (ring.FindRefreshTokenKey(keyId) is not { } key)
        {
            return null;
        }

        HMACSHA256.HashData(key, bytes[..MacAt], mac);
        return CryptographicOperations.FixedTimeEquals(mac, bytes[MacAt..])
            ? new RefreshToken(
                keyId, new Guid(bytes[SessionAt..EpochAt], bigEndian: true),
                BinaryPrimitives.ReadInt32BigEndian(bytes[EpochAt..]), BinaryPrimitives.ReadInt32BigEndian(bytes[CounterAt..]))
            : null;
    }
}
