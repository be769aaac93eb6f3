using System.Globalization;
using System.Text;

namespace AuthMesh.Metrics;

/// <summary>
/// Names in Prometheus, by OpenTelemetry's specification "Prometheus and OpenMetrics Compatibility": the names that an OpenTelemetry
/// collector gives the same metrics. So dashboards and alerts fit both ways, the scrape and OTLP.
/// </summary>
internal static class PrometheusNames
{
    private static readonly Dictionary<string, string> Units = new()
    {
        ["s"] = "seconds", ["ms"] = "milliseconds", ["us"] = "microseconds", ["By"] = "bytes", ["%"] = "percent",
    };

    /// <param name="name">The metric's name, such as <c>authmesh.hashing.wait</c>.</param>
    /// <param name="unit">Its unit (UCUM), such as <c>s</c>; a unit in braces is only a comment.</param>
    /// <param name="isCounter">Whether the metric only grows.</param>
    public static string OfMetric(string name, string unit, bool isCounter)
    {
        var text = Clean(name, allowColon: true);
        text = WithSuffix(text, unit.StartsWith('{') || unit.Length == 0 ? "" : Units.GetValueOrDefault(unit) ?? Clean(unit, false));
        return isCounter ? WithSuffix(text, "total") : text;
    }

    public static string OfLabel(string key) => Clean(key, allowColon: false);

    public static string OfValue(double value) => value switch
    {
        double.PositiveInfinity => "+Inf",
        double.NegativeInfinity => "-Inf",
        _ => value.ToString(CultureInfo.InvariantCulture),
    };

    private static string WithSuffix(string name, string suffix) =>
        suffix.Length == 0 || name.EndsWith("_" + suffix, StringComparison.Ordinal) ? name : $"{name}_{suffix}";

    /// <summary>Replaces what a name may not hold by one underscore.</summary>
    private static string Clean(string name, bool allowColon)
    {
        var clean = new StringBuilder(name.Length + 1);
        foreach (var c in name)
        {
            var isAllowed = char.IsAsciiLetterOrDigit(c) || (c == ':' && allowColon);
            if (isAllowed || clean is not [.., '_'])
            {
                clean.Append(isAllowed ? c : '_');
            }
        }

        return clean is [>= '0' and <= '9', ..] ? $"_{clean}" : clean.ToString();
    }
}
