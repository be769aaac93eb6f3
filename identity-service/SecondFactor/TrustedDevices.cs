using AuthMesh.Identity.Throttling;
using Microsoft.Extensions.Options;

namespace AuthMesh.Identity.SecondFactor;

/// <summary>Decides whether a device cookie takes the place of the second factor.</summary>
internal sealed class TrustedDevices(IOptions<SecondFactorOptions> options, TimeProvider clock)
{
    /// <param name="device">The caller's device cookie, if it is for this account in this epoch.</param>
    /// <param name="factorsEpoch">The account's.</param>
    public bool Cover(DeviceCookie? device, int factorsEpoch) =>
        options.Value.TrustDevices && device?.Trust is { } trust && trust.FactorsEpoch == factorsEpoch
        && clock.GetUtcNow() - trust.Since < options.Value.TrustLifetime;

    /// <returns>The trust that begins now, or null if the mesh trusts no devices.</returns>
    public DeviceTrust? Begin(int factorsEpoch) =>
        options.Value.TrustDevices ? new DeviceTrust(factorsEpoch, clock.GetUtcNow()) : null;
}
