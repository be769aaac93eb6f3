using System.Text.RegularExpressions;

namespace AuthMesh.Tests.Conventions.Documentation;

/// <summary>docs/production.md lists every metric of the services with its unit.</summary>
public sealed partial class MetricsPageTests
{
    [Fact]
    public void The_page_lists_exactly_the_metrics_with_their_units()
    {
        var metrics = SourceTree.ServiceCode.SelectMany(file => Created().Matches(file.Text))
            .Select(match => $"{match.Groups["name"].Value} {match.Groups["unit"].Value}").Order(StringComparer.Ordinal).ToList();

        Assert.NotEmpty(metrics);
        Assert.Equal(metrics, new Page("docs/production.md").Rows("metric")
            .Select(row => $"{Page.Code(row[0]).Single()} {Page.Code(row[1]).Single()}").Order(StringComparer.Ordinal));
    }

    [Fact]
    public void The_scan_of_the_code_finds_every_metric() => Assert.Equal(
        SourceTree.ServiceCode.Sum(file => Named().Count(file.Text)), SourceTree.ServiceCode.Sum(file => Created().Count(file.Text)));

    // The unit is the next text in the call that looks like one; a lambda may stand before it.
    [GeneratedRegex(
        """\.Create(?:Observable)?(?:Counter|UpDownCounter|Gauge|Histogram)(?:<\w+>)?\(\s*"(?<name>[a-z._]+)"[^"]*"(?<unit>[^"]+)["]""")]
    private static partial Regex Created();

    [GeneratedRegex("""\.Create(?:Observable)?(?:Counter|UpDownCounter|Gauge|Histogram)\b""")]
    private static partial Regex Named();
}
