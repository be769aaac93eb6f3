using System.Buffers.Binary;
using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using AuthMesh.Identity.Keys;
using AuthMesh.Identity.Platform;

namespace AuthMesh.Identity.Throttling;

/// <summary>
/// Says that whoever brings it has signed in to this account before, in this epoch. It opens nothing; it only has wrong passwords counted
/// apart from those of strangers. Nothing is stored for it: an HMAC covers all that it says.
/// </summary>
/// <param name="KeyId">The HMAC key of the ring that seals it.</param>
/// <param name="UserId">The account, by its id: who gets a name that was given up inherits no devices with it.</param>
/// <param name="Epoch">The account's epoch at that sign-in: a new password makes it void.</param>
/// <param name="Nonce">The device.</param>
internal sealed record DeviceCookie(string KeyId, Guid UserId, int Epoch, byte[] Nonce)
{
    private const byte Version = 1;
    private const int NonceBytes = 16;

    // version, key, user, epoch, nonce, HMAC: big-endian, in this order.
    private const int KeyAt = 1, UserAt = 5, EpochAt = 21, NonceAt = 25, MacAt = NonceAt + NonceBytes, Bytes = MacAt + HMACSHA256.HashSizeInBytes;

    /// <param name="ring">Whose current key seals it.</param>
    /// <param name="userId">Who signed in.</param>
    /// <param name="epoch">The session's.</param>
    /// <param name="known">What the device brought if it was known; it goes on with its count, however often it signs in.</param>
    public static DeviceCookie Create(KeyRing ring, Guid userId, int epoch, DeviceCookie? known = null) =>
        new(ring.CurrentRefreshTokenKey.Id, userId, epoch, known?.Nonce ?? RandomNumberGenerator.GetBytes(NonceBytes));

    /// <summary>Whether the account is still the one, and in the state, that the device signed in to.</summary>
    public bool IsFor(Guid userId, int epoch) => UserId == userId && Epoch == epoch;

    public string ToText(KeyRing ring)
    {
        var bytes = new byte[Bytes];
        bytes[0] = Version;
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(KeyAt), uint.Parse(KeyId, NumberStyles.HexNumber, CultureInfo.InvariantCulture));
        UserId.TryWriteBytes(bytes.AsSpan(UserAt), bigEndian: true, out _);
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(EpochAt), Epoch);
        Nonce.CopyTo(bytes, NonceAt);
        HMACSHA256.HashData(Derive(ring.FindRefreshTokenKey(KeyId)!), bytes.AsSpan(0, MacAt), bytes.AsSpan(MacAt));
        return Base64Url.EncodeToString(bytes);
    }

    /// <returns>The cookie, or null where the text is not one that <see cref="ToText"/> wrote with a key of this ring.</returns>
    public static DeviceCookie? TryParse(ReadOnlySpan<char> text, KeyRing ring)
    {
        Span<byte> bytes = stackalloc byte[Bytes], mac = stackalloc byte[HMACSHA256.HashSizeInBytes];
        if (!CanonicalBase64Url.TryDecode(text, bytes) || bytes[0] != Version)
        {
            return null;
        }

        var keyId = Convert.ToHexStringLower(bytes[KeyAt..UserAt]);
        if (ring.FindRefreshTokenKey(keyId) is not { } key)
        {
            return null;
        }

        HMACSHA256.HashData(Derive(key), bytes[..MacAt], mac);
        return CryptographicOperations.FixedTimeEquals(mac, bytes[MacAt..])
            ? new DeviceCookie(
                keyId, new Guid(bytes[UserAt..EpochAt], bigEndian: true), BinaryPrimitives.ReadInt32BigEndian(bytes[EpochAt..]),
                bytes[NonceAt..MacAt].ToArray())
            : null;
    }

    // A key of its own for each use, so that nothing that is sealed for one ever passes for the other.
    private static byte[] Derive(byte[] key) => HKDF.Expand(HashAlgorithmName.SHA256, key, 32, "authmesh device cookie 1"u8.ToArray());
}

/// <summary>Gives the cookie to a device and takes it away again. It stays through a logout: the device is known all the same.</summary>
internal sealed class DeviceCookies(HostCookies cookies, KeyRing ring)
{
    private const string Name = "authmesh-device";

    private static readonly TimeSpan Lifetime = TimeSpan.FromDays(400); // what browsers keep at most (RFC 6265bis §5.5)

    /// <summary>
    /// The gateway passes on this one cookie and no other, so whatever else stands in the header, a second one too, makes it no cookie of ours.
    /// </summary>
    /// <returns>The cookie, whoever it is for and whether or not it still counts; null where there is none.</returns>
    public DeviceCookie? Find(HttpRequest request)
    {
        var start = cookies.NameOf(Name) + "=";
        return request.Headers.Cookie is [{ } header] && header.StartsWith(start, StringComparison.Ordinal)
            ? DeviceCookie.TryParse(header.AsSpan(start.Length), ring)
            : null;
    }

    public void Set(HttpResponse response, Guid userId, int epoch, DeviceCookie? known = null) =>
        cookies.Append(response, Name, DeviceCookie.Create(ring, userId, epoch, known).ToText(ring), Lifetime);

    public void Clear(HttpResponse response) => cookies.Append(response, Name, "", TimeSpan.Zero);
}
