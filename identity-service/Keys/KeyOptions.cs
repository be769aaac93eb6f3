using AuthMesh.Settings;

namespace AuthMesh.Identity.Keys;

/// <summary>The section <c>Identity:Keys</c>: when the service rotates its signing keys.</summary>
public sealed class KeyOptions
{
    /// <summary>How long a key pair signs: 10 seconds (for tests) to 365 days.</summary>
    public TimeSpan RotationInterval { get; set; } = TimeSpan.FromDays(30);

    /// <summary>
    /// How long verifiers may cache the key set: 1 second to 1 hour. Each key is announced at least this long before it signs. The default
    /// spreads a new key soon without frequent requests.
    /// </summary>
    public TimeSpan MaxAge { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>How long a due key waits for verifiers that do not acknowledge it: 1 second to 1 day.</summary>
    public TimeSpan AcknowledgementCeiling { get; set; } = TimeSpan.FromHours(1);

    internal void Check(SettingProblems problems)
    {
        problems.Unless(
            RotationInterval >= TimeSpan.FromSeconds(10) && RotationInterval <= TimeSpan.FromDays(365), "Keys:RotationInterval",
            "must be 00:00:10 to 365.00:00:00. Leave it out for 30 days.");
        problems.Unless(
            MaxAge >= TimeSpan.FromSeconds(1) && MaxAge <= TimeSpan.FromHours(1), "Keys:MaxAge", "must be 00:00:01 to 01:00:00.");
        problems.Unless(
            MaxAge <= RotationInterval, "Keys:MaxAge",
            "must not be longer than Keys:RotationInterval: each key is announced for Keys:MaxAge before it signs.");
        problems.Unless(
            AcknowledgementCeiling >= TimeSpan.FromSeconds(1) && AcknowledgementCeiling <= TimeSpan.FromDays(1),
            "Keys:AcknowledgementCeiling",
            "must be 00:00:01 to 1.00:00:00.");
    }
}
