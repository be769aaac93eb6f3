using System.Text.Json;
using System.Text.RegularExpressions;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Observability;

/// <summary>A real Prometheus reads a mesh in use: every expression of the dashboard and of the alerts yields a series.</summary>
[Collection<OnObservedMesh>]
public sealed partial class ExpressionTests(ObservedMesh mesh, ExpressionTests.Scrapes scrapes) : IClassFixture<ExpressionTests.Scrapes>
{
    private Prometheus Prometheus => scrapes.Prometheus;

    [Fact]
    public async Task Every_expression_of_the_dashboard_and_every_alert_without_its_threshold_yields_a_series()
    {
        var alerts = await UntilEvaluatedAsync();
        Assert.All(alerts, alert => Assert.Equal(("ok", Text(alert, "name")), (Text(alert, "health"), Text(alert, "name"))));
        var expressions = alerts.Select(alert => WithoutThreshold(Text(alert, "query")))
            .Concat(RuleTests.OfDashboard().Select(
                expression => expression.Replace("$__rate_interval", "1m", StringComparison.Ordinal))).ToList();

        // A rate needs an increase between two scrapes.
        var barren = expressions;
        await Patience.UntilAsync(
            async () =>
            {
                await mesh.UseAsync();
                return string.Join('\n', barren = await BarrenAsync(barren));
            },
            left => left.Length == 0);
        Assert.Empty(await BarrenAsync(expressions));
    }

    [Fact]
    public async Task A_mesh_that_works_raises_no_alert_until_a_refresh_token_comes_back()
    {
        await UntilEvaluatedAsync();
        // The mesh is used in ways that fail, a busy machine is slow, and both hosts of the database are one.
        Assert.Empty(await Prometheus.QueryAsync(
            """ALERTS{alertname!~"RequestsFail|MailsFail|RequestsAreSlow|PasswordsWait|RevocationsLate|OneHostOnly"}"""));

        var login = await mesh.Gateway.LoginAsync(mesh.Username, mesh.Password);
        var first = login.Member("refresh_token");
        Assert.Equal(200, (await mesh.Gateway.PostAsync("/refresh", new { refresh_token = first })).Status);
        await mesh.Database.ExecuteAsync("UPDATE sessions SET refreshed_at = refreshed_at - interval '1 minute'");
        Assert.Equal(401, (await mesh.Gateway.PostAsync("/refresh", new { refresh_token = first })).Status);

        const string Fires = """ALERTS{alertname="CredentialCopied",event="refresh_reused",alertstate="firing"}""";
        await Patience.UntilAsync(async () => (await Prometheus.QueryAsync(Fires)).Count == 1);
    }

    private Task<IReadOnlyList<JsonElement>> UntilEvaluatedAsync() => Patience.UntilAsync(
        async () =>
        {
            await Patience.UntilAsync(async () => (await Prometheus.QueryAsync("sum(up)")) is [var up] && Value(up) == "3");
            return await Prometheus.RulesAsync();
        },
        rules => rules.Count > 0 && rules.All(rule => Text(rule, "health") != "unknown"));

    private static string WithoutThreshold(string query)
    {
        var threshold = Threshold().Match(query);
        Assert.True(threshold.Success, $"{query} does not end with its only threshold");
        var rest = query[..threshold.Index];
        Assert.DoesNotMatch(" (?:[<>]=?|==) | or | unless ", rest);
        return rest;
    }

    private static string Text(JsonElement json, string member) => json.GetProperty(member).GetString()!;

    private static string Value(JsonElement series) => series.GetProperty("value")[1].GetString()!;

    /// <returns>The expressions that yield nothing, or only what is not a number.</returns>
    private async Task<List<string>> BarrenAsync(List<string> expressions)
    {
        var barren = new List<string>();
        foreach (var expression in expressions)
        {
            if ((await Prometheus.QueryAsync(expression)).All(series => Value(series) == "NaN"))
            {
                barren.Add(expression);
            }
        }

        return barren;
    }

    [GeneratedRegex(@" (?:[<>]=?|==) [0-9.e+]+$")]
    private static partial Regex Threshold();

    /// <summary>A Prometheus that scrapes the mesh while the tests of this class run.</summary>
    public sealed class Scrapes(ObservedMesh mesh) : IAsyncLifetime
    {
        internal Prometheus Prometheus { get; private set; } = null!;

        public async ValueTask InitializeAsync() => Prometheus = await Prometheus.StartAsync(
            [.. mesh.Mesh.Services.Select(service => (service.Name, mesh.MetricsOf(service.Name)))]);

        public ValueTask DisposeAsync() => Prometheus.DisposeAsync();
    }
}
