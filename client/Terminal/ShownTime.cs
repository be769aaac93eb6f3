using System.Globalization;

namespace AuthMesh.Client.Terminal;

/// <summary>Formats times for a person.</summary>
internal static class ShownTime
{
    /// <summary>In the reader's own time zone.</summary>
    public static string Of(DateTimeOffset moment) =>
        moment.ToLocalTime().ToString("yyyy-MM-dd HH:mm:ss zzz", CultureInfo.InvariantCulture);

    /// <summary>The same without seconds and zone, for tables.</summary>
    public static string Minute(DateTimeOffset moment) => moment.ToLocalTime().ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture);

    /// <summary>The time left, in the largest unit of which more than two are left.</summary>
    public static string Until(DateTimeOffset moment) => (moment - TimeProvider.System.GetUtcNow()) switch
    {
        { Ticks: <= 0 } => "past by this machine's clock",
        { TotalDays: > 2 } left => $"in {Math.Ceiling(left.TotalDays):0} days",
        { TotalHours: > 2 } left => $"in {Math.Ceiling(left.TotalHours):0} h",
        var left => $"in {Math.Ceiling(left.TotalMinutes):0} min",
    };
}
