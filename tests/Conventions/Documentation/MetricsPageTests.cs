using System.Text.RegularExpressions;

namespace AuthMesh.Tests.Conventions.Documentation;

/// <summary>docs/operations/metrics.md lists every metric of the services with its unit and tags.</summary>
public sealed partial class MetricsPageTests
{
    private static readonly IReadOnlyList<IReadOnlyList<string>> Rows = new Page("docs/operations/metrics.md").Rows("metric");

    private static readonly IReadOnlyList<SourceFile> Files =
    [
        .. SourceTree.ServiceCode
            .Select(file => new SourceFile(
                file.Path,
                [.. Created().Matches(file.Text).Select(match => $"{match.Groups["name"].Value} {match.Groups["unit"].Value}")],
                [.. Tag().Matches(file.Text).Select(match => match.Groups["tag"].Value).Distinct().Order(StringComparer.Ordinal)]))
            .Where(file => file.Metrics.Count > 0),
    ];

    public static TheoryData<string> Paths => [.. Files.Select(file => file.Path)];

    [Fact]
    public void The_page_lists_exactly_the_metrics_with_their_units() => Assert.Equal(
        Files.SelectMany(file => file.Metrics).Order(StringComparer.Ordinal),
        Rows.Select(row => $"{Page.Code(row[0]).Single()} {Page.Code(row[1]).Single()}").Order(StringComparer.Ordinal));

    // By file, because a tag stands where something is counted and not where the metric is made. MetricsEndpointTests compares each metric.
    [Theory]
    [MemberData(nameof(Paths))]
    public void The_page_lists_exactly_the_tags(string path)
    {
        var file = Files.Single(file => file.Path == path);

        Assert.Equal(
            file.Tags,
            Rows.Where(row => file.Metrics.Any(metric => metric.StartsWith(Page.Code(row[0]).Single() + " ", StringComparison.Ordinal)))
                .SelectMany(row => Page.Code(row[2])).Distinct().Order(StringComparer.Ordinal));
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

    // The first text after the type of a tag: new KeyValuePair<string, object?>("reason", …), or … Name = new("reason", …).
    [GeneratedRegex("""KeyValuePair<string, object\?>[^;"]*\("(?<tag>[a-z._]+)["],""")]
    private static partial Regex Tag();

    private sealed record SourceFile(string Path, IReadOnlyList<string> Metrics, IReadOnlyList<string> Tags);
}
