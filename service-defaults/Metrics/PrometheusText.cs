using System.Globalization;
using System.Text;
using OpenTelemetry;
using OpenTelemetry.Metrics;

namespace AuthMesh.Metrics;

/// <summary>
/// Writes the metrics of this process in Prometheus' text format 0.0.4, when a scrape asks for them. OpenTelemetry's own exporter is a
/// pre-release, which the package of this library could not depend on (docs/decisions/0037).
/// </summary>
[ExportModes(ExportModes.Pull)]
internal sealed class PrometheusText : BaseExporter<Metric>, IPullMetricExporter
{
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    private readonly Lock gate = new();
    private string? text;

    /// <summary>OpenTelemetry's reader sets this when the program starts.</summary>
    public Func<int, bool>? Collect { get; set; }

    /// <returns>The text, or null if the metrics cannot be read.</returns>
    public string? Read()
    {
        lock (gate)
        {
            text = null;
            return Collect?.Invoke(Timeout.Infinite) is true ? text ?? "" : null;
        }
    }

    public override ExportResult Export(in Batch<Metric> batch)
    {
        var lines = new StringBuilder(64 * 1024);
        foreach (var metric in batch)
        {
            Write(lines, metric);
        }

        text = lines.ToString();
        return ExportResult.Success;
    }

    private static void Write(StringBuilder lines, Metric metric)
    {
        var isCounter = metric.MetricType is MetricType.LongSum or MetricType.DoubleSum;
        var type = isCounter ? "counter" : metric.MetricType is MetricType.Histogram ? "histogram" : "gauge";
        if (metric.MetricType is MetricType.ExponentialHistogram)
        {
            return; // the text format has none, and nothing here asks for one
        }

        var name = PrometheusNames.OfMetric(metric.Name, metric.Unit, isCounter);
        lines.Append(CultureInfo.InvariantCulture, $"# HELP {name} {Escape(metric.Description, isHelp: true)}\n# TYPE {name} {type}\n");
        foreach (ref readonly var point in metric.GetMetricPoints())
        {
            var labels = Labels(point.Tags);
            switch (metric.MetricType)
            {
                case MetricType.LongSum or MetricType.LongSumNonMonotonic:
                    WriteSample(lines, name, labels, point.GetSumLong().ToString(CultureInfo.InvariantCulture));
                    break;
                case MetricType.DoubleSum or MetricType.DoubleSumNonMonotonic:
                    WriteSample(lines, name, labels, PrometheusNames.OfValue(point.GetSumDouble()));
                    break;
                case MetricType.LongGauge:
                    WriteSample(lines, name, labels, point.GetGaugeLastValueLong().ToString(CultureInfo.InvariantCulture));
                    break;
                case MetricType.DoubleGauge:
                    WriteSample(lines, name, labels, PrometheusNames.OfValue(point.GetGaugeLastValueDouble()));
                    break;
                case MetricType.Histogram:
                    WriteHistogram(lines, name, labels, point);
                    break;
            }
        }
    }

    private static void WriteHistogram(StringBuilder lines, string name, string labels, in MetricPoint point)
    {
        var count = 0L; // each bucket holds the ones below it, too
        foreach (var bucket in point.GetHistogramBuckets())
        {
            count += bucket.BucketCount;
            var bound = $"le=\"{PrometheusNames.OfValue(bucket.ExplicitBound)}\"";
            WriteSample(
                lines, name + "_bucket", labels.Length == 0 ? bound : $"{labels},{bound}", count.ToString(CultureInfo.InvariantCulture));
        }

        WriteSample(lines, name + "_sum", labels, PrometheusNames.OfValue(point.GetHistogramSum()));
        WriteSample(lines, name + "_count", labels, point.GetHistogramCount().ToString(CultureInfo.InvariantCulture));
    }

    private static void WriteSample(StringBuilder lines, string name, string labels, string value) =>
        _ = labels.Length == 0 ? lines.Append(name).Append(' ').Append(value).Append('\n')
            : lines.Append(name).Append('{').Append(labels).Append("} ").Append(value).Append('\n');

    private static string Labels(ReadOnlyTagCollection tags)
    {
        var labels = new StringBuilder();
        foreach (var (key, value) in tags)
        {
            var text = Escape(Convert.ToString(value, CultureInfo.InvariantCulture) ?? "", isHelp: false);
            labels.Append(labels.Length == 0 ? "" : ",").Append(PrometheusNames.OfLabel(key)).Append("=\"").Append(text).Append('"');
        }

        return labels.ToString();
    }

    // A value must not end its own quotes or its line: it would forge a series.
    private static string Escape(string value, bool isHelp)
    {
        var escaped = value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);
        return isHelp ? escaped : escaped.Replace("\"", "\\\"", StringComparison.Ordinal);
    }
}
