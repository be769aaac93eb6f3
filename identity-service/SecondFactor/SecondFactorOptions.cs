using AuthMesh.Settings;

namespace AuthMesh.Identity.SecondFactor;

/// <summary>The section <c>Identity:SecondFactor</c>.</summary>
public sealed class SecondFactorOptions
{
    /// <summary>Whether users may trust a device, so that a password alone signs in there for a while.</summary>
    public bool TrustDevices { get; set; } = true;

    /// <summary>How long a device is trusted: 1 hour to 90 days. The same time as other services give.</summary>
    public TimeSpan TrustLifetime { get; set; } = TimeSpan.FromDays(30);

    internal void Check(SettingProblems problems) => problems.Unless(
        TrustLifetime >= TimeSpan.FromHours(1) && TrustLifetime <= TimeSpan.FromDays(90), "SecondFactor:TrustLifetime",
        "must be 01:00:00 to 90.00:00:00. SecondFactor:TrustDevices=false trusts no device.");
}
