using System.Buffers.Binary;
using System.Security.Cryptography;
using AuthMesh.Identity.Keys;
using AuthMesh.Identity.Platform;

namespace AuthMesh.Identity.Throttling;

/// <summary>
/// A <see cref="MacToken"/> that says: this device has signed in to this account before, in this epoch. It opens nothing; it only gives the
/// device a guess limit of its own, apart from the guesses of strangers.
/// </summary>
/// <param name="UserId">The account's id: a later owner of the same name inherits no devices.</param>
/// <param name="Epoch">The account's epoch at that sign-in: a new password makes the cookie void.</param>
/// <param name="Nonce">The device.</param>
internal sealed record DeviceCookie(Guid UserId, int Epoch, byte[] Nonce)
{
    // user, epoch, nonce: big-endian.
    private const int EpochAt = 16, NonceAt = 20, NonceBytes = 16, Bytes = NonceAt + NonceBytes;

    private static readonly MacPurpose Purpose = new("authmesh device cookie 1", Bytes);

    /// <param name="userId">The user that signed in.</param>
    /// <param name="epoch">The session's epoch.</param>
    /// <param name="known">The cookie that a known device brought. The device keeps its count, however often it signs in.</param>
    public static DeviceCookie Create(Guid userId, int epoch, DeviceCookie? known = null) =>
        new(userId, epoch, known?.Nonce ?? RandomNumberGenerator.GetBytes(NonceBytes));

    /// <summary>Whether the account is still the one, and in the state, that the device signed in to.</summary>
    public bool IsFor(Guid userId, int epoch) => UserId == userId && Epoch == epoch;

    public string ToText(KeyRing ring)
    {
        var payload = new byte[Bytes];
        UserId.TryWriteBytes(payload, bigEndian: true, out _);
        BinaryPrimitives.WriteInt32BigEndian(payload.AsSpan(EpochAt), Epoch);
        Nonce.CopyTo(payload, NonceAt);
        return MacToken.Create(Purpose, payload, ring).ToText(ring);
    }

    /// <returns>The cookie, or null unless <see cref="ToText"/> wrote this text with a key of this ring.</returns>
    public static DeviceCookie? TryParse(ReadOnlySpan<char> text, KeyRing ring) =>
        MacToken.TryParse(Purpose, text, ring) is { Payload: var payload }
            ? new DeviceCookie(
                new Guid(payload.AsSpan(0, EpochAt), bigEndian: true), BinaryPrimitives.ReadInt32BigEndian(payload.AsSpan(EpochAt)),
                payload[NonceAt..])
            : null;
}

/// <summary>Gives the cookie to a device and takes it away again. It stays through a logout: the device is known all the same.</summary>
internal sealed class DeviceCookies(HostCookies cookies, KeyRing ring)
{
    private static readonly TimeSpan Lifetime = TimeSpan.FromDays(400); // what browsers keep at most (RFC 6265bis §5.5)

    /// <summary>
    /// The gateway passes on this one cookie and no other, so whatever else stands in the header, a second one too, makes it no cookie of
    /// ours.
    /// </summary>
    /// <returns>The cookie, whoever it is for and whether or not it still counts; null where there is none.</returns>
    public DeviceCookie? Find(HttpRequest request)
    {
        var start = cookies.DeviceName + "=";
        return request.Headers.Cookie is [{ } header] && header.StartsWith(start, StringComparison.Ordinal)
            ? DeviceCookie.TryParse(header.AsSpan(start.Length), ring)
            : null;
    }

    public void Set(HttpResponse response, Guid userId, int epoch, DeviceCookie? known = null) =>
        cookies.Append(response, cookies.DeviceName, DeviceCookie.Create(userId, epoch, known).ToText(ring), Lifetime);

    public void Clear(HttpResponse response) => cookies.Append(response, cookies.DeviceName, "", TimeSpan.Zero);
}
