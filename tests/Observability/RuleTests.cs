using System.Text.Json;
using System.Text.RegularExpressions;
using AuthMesh.Metrics;
using AuthMesh.Tests.Conventions.Documentation;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Observability;

/// <summary>The files of deploy/observability, without a mesh.</summary>
public sealed partial class RuleTests
{
    private const string Rules = "deploy/observability/alerts.yml", DashboardFile = "deploy/observability/grafana/authmesh.json";

    internal static IEnumerable<string> OfDashboard() => JsonElement.Parse(SourceTree.Read(DashboardFile)).GetProperty("panels")
        .EnumerateArray().Where(panel => panel.TryGetProperty("targets", out _))
        .SelectMany(panel => panel.GetProperty("targets").EnumerateArray())
        .Select(target => target.GetProperty("expr").GetString()!);

    [Theory]
    [InlineData("rules", "alerts.yml")]
    [InlineData("config", "prometheus.yml")]
    public async Task Promtool_accepts(string kind, string file)
    {
        var (exitCode, output) = await Prometheus.CheckAsync(kind, Path.Combine(Checkout.Root, "deploy/observability", file));

        Assert.True(exitCode == 0, output);
        Assert.Contains("SUCCESS", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Promtool_refuses_a_rule_that_is_none()
    {
        var file = Path.GetTempFileName();
        await File.WriteAllTextAsync(
            file, SourceTree.Read(Rules).Replace("sum by (event) (increase(", "sum by (event (increase(", StringComparison.Ordinal),
            TestContext.Current.CancellationToken);

        var (exitCode, _) = await Prometheus.CheckAsync("rules", file);

        Assert.NotEqual(0, exitCode);
        File.Delete(file);
    }

    [Fact]
    public void Each_alert_has_its_paragraph_and_each_paragraph_its_alert()
    {
        var alerts = Alert().Matches(SourceTree.Read(Rules)).Select(match => (Name: match.Groups[1].Value, Runbook: match.Groups[2].Value))
            .ToList();

        Assert.NotEmpty(alerts);
        Assert.Equal(Regex.Count(SourceTree.Read(Rules), "- alert:"), alerts.Count);
        Assert.All(alerts, alert => Assert.Equal($"docs/operations/alerts.md#{alert.Name.ToLowerInvariant()}", alert.Runbook));
        Assert.Equal(
            alerts.Select(alert => alert.Name),
            SourceTree.Read("docs/operations/alerts.md").Split('\n')
                .Where(line => line.StartsWith("## ", StringComparison.Ordinal)).Select(line => line[3..]));
    }

    [Fact]
    public void Every_metric_of_the_dashboard_and_the_alerts_is_on_the_page()
    {
        var page = new Page("docs/operations/metrics.md");
        var known = page.Rows("metric")
            .Select(row => PrometheusNames.OfMetric(Page.Code(row[0])[0], Page.Code(row[1])[0], isCounter: false))
            .Concat(page.Rows("framework metric").Select(row => Page.Code(row[1])[0])).ToHashSet();

        var used = Metric().Matches(ByClause().Replace(SourceTree.Read(Rules) + string.Join('\n', OfDashboard()), ""))
            .Select(match => match.Value).Distinct().ToList();

        Assert.NotEmpty(used);
        Assert.All(used, name => Assert.Contains(
            known, metric => name == metric || (name.StartsWith(metric + "_", StringComparison.Ordinal)
                && name[(metric.Length + 1)..] is "total" or "bucket" or "count" or "sum")));
    }

    [GeneratedRegex(@"- alert: (\w+)\n(?:(?!.*- alert:).*\n)*?\s+runbook: (\S+)")]
    private static partial Regex Alert();

    [GeneratedRegex(@"by \([^)]*\)")]
    private static partial Regex ByClause();

    [GeneratedRegex(@"\b(?:authmesh|http_server|kestrel|db_client|dotnet)_[a-z_]+\b(?!=|!|"")")]
    private static partial Regex Metric();
}
