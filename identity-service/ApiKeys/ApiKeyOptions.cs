using AuthMesh.Settings;

namespace AuthMesh.Identity.ApiKeys;

/// <summary>The section <c>Identity:ApiKeys</c>.</summary>
public sealed class ApiKeyOptions
{
    /// <summary>How long a key may live: 1 to 3660 days. The default lets a yearly rotation be a few hours late.</summary>
    public TimeSpan LongestLifetime { get; set; } = TimeSpan.FromDays(366);

    internal void Check(SettingProblems problems) => problems.Unless(
        LongestLifetime >= TimeSpan.FromDays(1) && LongestLifetime <= TimeSpan.FromDays(3660), "ApiKeys:LongestLifetime",
        "must be 1.00:00:00 to 3660.00:00:00. Leave it out for 366 days.");
}
