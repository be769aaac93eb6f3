using System.Buffers.Binary;
using System.Security.Cryptography;
using AuthMesh.Identity.Keys;
using AuthMesh.Identity.Platform;

namespace AuthMesh.Identity.Throttling;

/// <summary>
/// A <see cref="MacToken"/> that proves that this device has signed in to this account before, in this epoch. It gives the device a guess
/// limit of its own, apart from strangers. If its user trusts the device, it also takes the place of the second factor for a while.
/// </summary>
/// <param name="UserId">The account's id, not its name, so that a later owner of the name inherits no devices.</param>
/// <param name="Epoch">The account's epoch at that sign-in: a new password invalidates the cookie.</param>
/// <param name="Nonce">Identifies the device.</param>
/// <param name="Trust">Null unless the user trusts the device.</param>
internal sealed record DeviceCookie(Guid UserId, int Epoch, byte[] Nonce, DeviceTrust? Trust = null)
{
    // user, epoch, nonce, and in a trusted device's cookie factors epoch and time in seconds: big-endian.
    private const int EpochAt = 16, NonceAt = 20, NonceBytes = 16, Bytes = NonceAt + NonceBytes;
    private const int FactorsEpochAt = Bytes, TrustedAt = FactorsEpochAt + sizeof(int), TrustedBytes = TrustedAt + sizeof(long);

    // Each form has its own key, so that nobody can turn one into the other. Replicas of an earlier version read the first form alone.
    private static readonly MacPurpose Purpose = new("authmesh device cookie 1", Bytes);
    private static readonly MacPurpose TrustedPurpose = new("authmesh device cookie 2", TrustedBytes);

    /// <param name="userId">The user that signed in.</param>
    /// <param name="epoch">The session's epoch.</param>
    /// <param name="known">The cookie of a known device. Its nonce is reused, so the device keeps its count across sign-ins.</param>
    /// <param name="trust">New trust; null keeps the known device's.</param>
    public static DeviceCookie Create(Guid userId, int epoch, DeviceCookie? known = null, DeviceTrust? trust = null) =>
        new(userId, epoch, known?.Nonce ?? RandomNumberGenerator.GetBytes(NonceBytes), trust ?? known?.Trust);

    /// <summary>Whether the cookie is for this account in this epoch.</summary>
    public bool IsFor(Guid userId, int epoch) => UserId == userId && Epoch == epoch;

    public string ToText(KeyRing ring)
    {
        var payload = new byte[Trust is null ? Bytes : TrustedBytes];
        UserId.TryWriteBytes(payload, bigEndian: true, out _);
        BinaryPrimitives.WriteInt32BigEndian(payload.AsSpan(EpochAt), Epoch);
        Nonce.CopyTo(payload, NonceAt);
        if (Trust is not null)
        {
            BinaryPrimitives.WriteInt32BigEndian(payload.AsSpan(FactorsEpochAt), Trust.FactorsEpoch);
            BinaryPrimitives.WriteInt64BigEndian(payload.AsSpan(TrustedAt), Trust.Since.ToUnixTimeSeconds());
        }

        return MacToken.Create(Trust is null ? Purpose : TrustedPurpose, payload, ring).ToText(ring);
    }

    /// <returns>The cookie, or null unless <see cref="ToText"/> wrote this text with a key of this ring.</returns>
    public static DeviceCookie? TryParse(ReadOnlySpan<char> text, KeyRing ring) =>
        (MacToken.TryParse(Purpose, text, ring) ?? MacToken.TryParse(TrustedPurpose, text, ring)) is { Payload: var payload }
            ? new DeviceCookie(
                new Guid(payload.AsSpan(0, EpochAt), bigEndian: true), BinaryPrimitives.ReadInt32BigEndian(payload.AsSpan(EpochAt)),
                payload[NonceAt..Bytes], payload.Length == TrustedBytes ? ReadTrust(payload) : null)
            : null;

    private static DeviceTrust ReadTrust(byte[] payload) => new(
        BinaryPrimitives.ReadInt32BigEndian(payload.AsSpan(FactorsEpochAt)),
        DateTimeOffset.FromUnixTimeSeconds(BinaryPrimitives.ReadInt64BigEndian(payload.AsSpan(TrustedAt))));
}

/// <summary>That a user trusts a device: for a while, a password alone signs in there.</summary>
/// <param name="FactorsEpoch">The account's at that moment. Any change of a way to sign in ends the trust.</param>
/// <param name="Since">When the user proved a second factor there. Later sign-ins do not prolong the trust.</param>
internal sealed record DeviceTrust(int FactorsEpoch, DateTimeOffset Since);

/// <summary>Sets and clears the device cookie. A logout keeps it, because the device is still known.</summary>
internal sealed class DeviceCookies(HostCookies cookies, KeyRing ring)
{
    private static readonly TimeSpan Lifetime = TimeSpan.FromDays(400); // the browsers' maximum (RFC 6265bis §5.5)

    /// <returns>The request's device cookie, for any account and epoch; null if the request has none, or several.</returns>
    public DeviceCookie? Find(HttpRequest request) =>
        HostCookies.Find(request, cookies.DeviceName) is { } value ? DeviceCookie.TryParse(value, ring) : null;

    public void Set(HttpResponse response, Guid userId, int epoch, DeviceCookie? known = null, DeviceTrust? trust = null) =>
        cookies.Append(response, cookies.DeviceName, DeviceCookie.Create(userId, epoch, known, trust).ToText(ring), Lifetime);

    public void Clear(HttpResponse response) => cookies.Append(response, cookies.DeviceName, "", TimeSpan.Zero);
}
