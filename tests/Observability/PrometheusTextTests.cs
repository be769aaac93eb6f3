using System.Diagnostics.Metrics;
using AuthMesh.Metrics;
using OpenTelemetry;
using OpenTelemetry.Metrics;

namespace AuthMesh.Tests.Observability;

/// <summary>The text that a scrape gets. No value of a tag can forge a series.</summary>
public sealed class PrometheusTextTests : IDisposable
{
    private readonly Meter meter = new($"PrometheusTextTests {Guid.NewGuid()}"); // collectors hear every meter of this name in the process
    private readonly PrometheusText text = new();
    private readonly MeterProvider provider;

    public PrometheusTextTests() => provider = Sdk.CreateMeterProviderBuilder()
        .AddMeter(meter.Name).AddReader(new BaseExportingMetricReader(text)).Build();

    [Fact]
    public void A_counter_ends_with_total_and_has_a_series_for_each_value_of_its_tags()
    {
        var counter = meter.CreateCounter<long>("authmesh.things", "{thing}", "Things, by kind.");
        counter.Add(2, new KeyValuePair<string, object?>("kind", "a"));
        counter.Add(3, new KeyValuePair<string, object?>("kind", "a"));
        counter.Add(0, new("kind", "b"), new("other.kind", null));

        Assert.Equal(
            """
            # HELP authmesh_things_total Things, by kind.
            # TYPE authmesh_things_total counter
            authmesh_things_total{kind="a"} 5
            authmesh_things_total{kind="b",other_kind=""} 0

            """,
            text.Read());
    }

    [Fact]
    public void Gauges_and_sums_that_shrink_are_gauges_and_name_their_unit()
    {
        meter.CreateObservableGauge("authmesh.age", () => 1.5, "s", "An age.");
        meter.CreateObservableUpDownCounter("authmesh.used", () => 7, "By", "Bytes.");
        var places = meter.CreateUpDownCounter<double>("authmesh.places", "{place}", "Places.");
        places.Add(2.25);
        places.Add(-1);

        Assert.Equal(
            """
            # HELP authmesh_places Places.
            # TYPE authmesh_places gauge
            authmesh_places 1.25
            # HELP authmesh_age_seconds An age.
            # TYPE authmesh_age_seconds gauge
            authmesh_age_seconds 1.5
            # HELP authmesh_used_bytes Bytes.
            # TYPE authmesh_used_bytes gauge
            authmesh_used_bytes 7

            """.Split('\n').Order(), // the order of metrics does not matter
            text.Read()!.Split('\n').Order());
    }

    [Fact]
    public void A_histogram_counts_up_to_each_bound_and_keeps_counting_from_scrape_to_scrape()
    {
        var wait = meter.CreateHistogram(
            "authmesh.wait", "s", "A wait.", advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.5, 10] });
        wait.Record(0.25, new KeyValuePair<string, object?>("device", "known"));
        text.Read();
        wait.Record(0.5, new KeyValuePair<string, object?>("device", "known"));
        wait.Record(99, new KeyValuePair<string, object?>("device", "known"));

        Assert.Equal(
            """
            # HELP authmesh_wait_seconds A wait.
            # TYPE authmesh_wait_seconds histogram
            authmesh_wait_seconds_bucket{device="known",le="0.5"} 2
            authmesh_wait_seconds_bucket{device="known",le="10"} 2
            authmesh_wait_seconds_bucket{device="known",le="+Inf"} 3
            authmesh_wait_seconds_sum{device="known"} 99.75
            authmesh_wait_seconds_count{device="known"} 3

            """,
            text.Read());
    }

    [Theory]
    [InlineData("a\nforged 1", """a\nforged 1""")]
    [InlineData("\"} 1\nforged{x=\"", "\\\"} 1\\nforged{x=\\\"")]
    [InlineData("""a\""", """a\\""")]
    [InlineData("größe", "größe")]
    public void No_value_of_a_tag_can_forge_a_series(string value, string written)
    {
        meter.CreateCounter<long>("authmesh.things").Add(1, new KeyValuePair<string, object?>("kind", value));

        Assert.Equal(
            $"# HELP authmesh_things_total \n# TYPE authmesh_things_total counter\nauthmesh_things_total{{kind=\"{written}\"}} 1\n",
            text.Read());
    }

    [Theory]
    [InlineData("http.server.request.duration", "s", false, "http_server_request_duration_seconds")]
    [InlineData("dotnet.gc.heap.total_allocated", "By", true, "dotnet_gc_heap_total_allocated_bytes_total")]
    [InlineData("a.b", "{c}", true, "a_b_total")]
    [InlineData("a.total", "", true, "a_total")]
    [InlineData("a.seconds", "s", false, "a_seconds")]
    [InlineData("a..b--c", "%", false, "a_b_c_percent")]
    [InlineData("1st", "ms", false, "_1st_milliseconds")]
    public void Names_follow_the_specification_of_OpenTelemetry(string name, string unit, bool isCounter, string expected) =>
        Assert.Equal(expected, PrometheusNames.OfMetric(name, unit, isCounter));

    public void Dispose()
    {
        provider.Dispose();
        meter.Dispose();
    }
}
