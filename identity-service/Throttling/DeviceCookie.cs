using System.Buffers.Binary;
using System.Security.Cryptography;
using AuthMesh.Identity.Keys;
using AuthMesh.Identity.Platform;

namespace AuthMesh.Identity.Throttling;

/// <summary>
/// A <see cref="MacToken"/> that proves that this device has signed in to this account before, in this epoch. It grants no access. It only
/// gives the device a guess limit of its own, apart from strangers.
/// </summary>
/// <param name="UserId">The account's id, not its name, so that a later owner of the name inherits no devices.</param>
/// <param name="Epoch">The account's epoch at that sign-in: a new password invalidates the cookie.</param>
/// <param name="Nonce">Identifies the device.</param>
internal sealed record DeviceCookie(Guid UserId, int Epoch, byte[] Nonce)
{
    // user, epoch, nonce: big-endian.
    private const int EpochAt = 16, NonceAt = 20, NonceBytes = 16, Bytes = NonceAt + NonceBytes;

    private static readonly MacPurpose Purpose = new("authmesh device cookie 1", Bytes);

    /// <param name="userId">The user that signed in.</param>
    /// <param name="epoch">The session's epoch.</param>
    /// <param name="known">The cookie of a known device. Its nonce is reused, so the device keeps its count across sign-ins.</param>
    public static DeviceCookie Create(Guid userId, int epoch, DeviceCookie? known = null) =>
        new(userId, epoch, known?.Nonce ?? RandomNumberGenerator.GetBytes(NonceBytes));

    /// <summary>Whether the cookie is for this account in this epoch.</summary>
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

/// <summary>Sets and clears the device cookie. A logout keeps it, because the device is still known.</summary>
internal sealed class DeviceCookies(HostCookies cookies, KeyRing ring)
{
    private static readonly TimeSpan Lifetime = TimeSpan.FromDays(400); // the browsers' maximum (RFC 6265bis §5.5)

    /// <returns>The request's device cookie, for any account and epoch; null if the request has none, or several.</returns>
    public DeviceCookie? Find(HttpRequest request) =>
        HostCookies.Find(request, cookies.DeviceName) is { } value ? DeviceCookie.TryParse(value, ring) : null;

    public void Set(HttpResponse response, Guid userId, int epoch, DeviceCookie? known = null) =>
        cookies.Append(response, cookies.DeviceName, DeviceCookie.Create(userId, epoch, known).ToText(ring), Lifetime);

    public void Clear(HttpResponse response) => cookies.Append(response, cookies.DeviceName, "", TimeSpan.Zero);
}
