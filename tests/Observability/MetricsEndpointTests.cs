using System.Globalization;
using System.Text.RegularExpressions;
using AuthMesh.Metrics;
using AuthMesh.Tests.Conventions.Documentation;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Observability;

/// <summary>What /metrics shows of a mesh in use, and to whom.</summary>
[Collection<OnObservedMesh>]
public sealed partial class MetricsEndpointTests(ObservedMesh mesh)
{
    private const string Total = "_total";

    private static readonly string[] Services = ["gateway", "identity-service", "resource-service"];

    public static TheoryData<string> EachService => [.. Services];

    [Theory]
    [MemberData(nameof(EachService))]
    public async Task The_address_for_metrics_answers_metrics_and_health_and_nothing_else(string service)
    {
        using var inner = new Caller(mesh.MetricsOf(service));

        var metrics = await inner.GetAsync("/metrics");
        Assert.Equal(200, metrics.Status);
        Assert.Equal("text/plain; version=0.0.4; charset=utf-8", metrics.Header("Content-Type"));
        Assert.Contains("\nauthmesh_tokens_checked_total{result=\"remembered\"} ", metrics.Text, StringComparison.Ordinal);
        Assert.Equal("Live", (await inner.GetAsync("/health/live")).Message);
        Assert.StartsWith("Ready", (await inner.GetAsync("/health/ready")).Message, StringComparison.Ordinal);
        Assert.Equal(200, (await inner.SendAsync(HttpMethod.Head, "/metrics")).Status);
        (await inner.PostAsync("/metrics", new { })).AssertError(405, "method_not_allowed");
        string[] others = ["/", "/protected", "/login", "/metrics/", "/Metrics", "/internal/revocations", "/.well-known/jwks.json"];
        foreach (var path in others)
        {
            (await inner.GetAsync(path, mesh.UserToken)).AssertError(404, "not_found");
        }
    }

    [Theory]
    [MemberData(nameof(EachService))]
    public async Task No_other_address_answers_metrics(string service)
    {
        var process = mesh.Mesh.Services.Single(process => process.Name == service);
        using var outer = new Caller(process.Address);

        foreach (var host in (string[])["localhost", mesh.MetricsOf(service).Authority])
        {
            var answer = await outer.SendAsync(HttpMethod.Get, "/metrics", change: request =>
            {
                request.Headers.Host = host;
                request.Headers.TryAddWithoutValidation("X-Forwarded-Port", $"{mesh.MetricsOf(service).Port}");
                request.Headers.Authorization = new("Bearer", mesh.UserToken);
            });
            answer.AssertError(404, "not_found");
        }
    }

    [Fact]
    public async Task The_mesh_shows_exactly_the_metrics_of_the_page_with_its_tags()
    {
        var rows = new Page("docs/operations/metrics.md").Rows("metric");
        var documented = rows.ToDictionary(
            row => PrometheusNames.OfMetric(Page.Code(row[0])[0], Page.Code(row[1])[0], isCounter: false),
            row => (Tags: Page.Code(row[2]).Order(StringComparer.Ordinal).ToArray(), Of: row[3]));

        var seen = await Patience.UntilAsync(
            async () => (await ReadAllAsync()).Where(series => series.Name.StartsWith("authmesh_", StringComparison.Ordinal)).ToList(),
            seen => documented.Keys.All(name => seen.Any(series => series.Name == name)));

        Assert.Equal(
            documented.Keys.Order(StringComparer.Ordinal), seen.Select(series => series.Name).Distinct().Order(StringComparer.Ordinal));
        Assert.All(seen, series => Assert.Equal((series.Name, string.Join(' ', documented[series.Name].Tags)), (series.Name, series.Tags)));
        Assert.All(documented, metric => Assert.Equal(
            metric.Value.Of switch
            {
                "identity" => ["identity-service"],
                "gateway" => ["gateway"],
                "gateway and services" => ["gateway", "resource-service"],
                "any with https" => ["resource-service"], // of this mesh
                _ => Services,
            },
            seen.Where(series => series.Name == metric.Key).Select(series => series.Service).Distinct().Order(StringComparer.Ordinal)));
    }

    [Fact]
    public async Task The_framework_shows_the_metrics_of_the_page()
    {
        var rows = new Page("docs/operations/metrics.md").Rows("framework metric");
        Assert.NotEmpty(rows);
        var seen = await ReadAllAsync();

        Assert.All(rows, row =>
        {
            var series = seen.Where(series => series.Name == Page.Code(row[1]).Single()).ToList();
            Assert.True(series.Count > 0, Page.Code(row[1]).Single());
            Assert.Contains(series, one => Page.Code(row[2]).All(
                tag => one.Tags.Split(' ').Contains(PrometheusNames.OfLabel(tag))));
        });
    }

    [Fact]
    public async Task Names_ids_and_paths_of_callers_make_no_series()
    {
        var secret = "s" + Guid.NewGuid().ToString("N");
        await SendAsync();
        await SendAsync(); // a request is counted after its answer
        var before = await ReadAllAsync();

        for (var i = 0; i < 5; i++)
        {
            secret = "s" + Guid.NewGuid().ToString("N");
            await SendAsync();
        }

        var after = await ReadAllAsync();
        Assert.DoesNotContain(after, series => series.Line.Contains(secret, StringComparison.OrdinalIgnoreCase));
        Assert.Equal(Keys(before), Keys(after));

        async Task SendAsync()
        {
            await mesh.Gateway.GetAsync($"/{secret}?{secret}={secret}");
            await mesh.Gateway.GetAsync($"/users/{Guid.NewGuid()}", mesh.UserToken);
            await mesh.Gateway.GetAsync("/protected", secret);
            await mesh.Gateway.LoginAsync(secret, secret);
            await mesh.Gateway.SendAsync(new HttpMethod(secret.ToUpperInvariant()), "/protected");
            await mesh.Gateway.SendAsync(HttpMethod.Get, "/protected", change: request =>
            {
                request.Headers.Host = secret;
                request.Headers.TryAddWithoutValidation("User-Agent", secret);
                request.Headers.TryAddWithoutValidation("Cookie", $"__Host-authmesh={secret}");
            });
        }

        // Without the framework's own about its runtime, such as the generations of the garbage collector.
        static IEnumerable<string> Keys(IEnumerable<Series> all) => all
            .Where(series => series.Name.StartsWith("http_server", StringComparison.Ordinal)
                || series.Name.StartsWith("authmesh", StringComparison.Ordinal))
            .Select(series => $"{series.Service} {series.Line[..series.Line.LastIndexOf(' ')]}").Distinct().Order(StringComparer.Ordinal);
    }

    [Fact]
    public async Task Scrapes_and_probes_do_not_count_as_requests()
    {
        using var inner = new Caller(mesh.MetricsOf("resource-service"));
        var before = await CountedAsync(await CountAsync());

        await inner.GetAsync("/metrics");
        await inner.GetAsync("/health/ready");
        Assert.Equal(before, await CountAsync());

        await CountedAsync(before);

        // Sends a request, which is counted after its answer.
        async Task<double> CountedAsync(double counted)
        {
            await mesh.Gateway.GetAsync("/protected", mesh.UserToken);
            return await Patience.UntilAsync(CountAsync, count => count == counted + 1);
        }

        async Task<double> CountAsync() => (await ReadAsync("resource-service"))
            .Where(series => series.Line.StartsWith("http_server_request_duration_seconds_count{", StringComparison.Ordinal))
            .Sum(series => double.Parse(series.Line.Split(' ')[^1], CultureInfo.InvariantCulture));
    }

    private async Task<List<Series>> ReadAllAsync()
    {
        var all = new List<Series>();
        foreach (var service in Services)
        {
            all.AddRange(await ReadAsync(service));
        }

        return all;
    }

    private async Task<IEnumerable<Series>> ReadAsync(string service)
    {
        using var inner = new Caller(mesh.MetricsOf(service));
        var (series, family, type) = (new List<Series>(), "", "");
        foreach (var line in (await inner.GetAsync("/metrics")).Text.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            if (line.StartsWith("# TYPE ", StringComparison.Ordinal))
            {
                (family, type) = (line.Split(' ')[2], line.Split(' ')[3]);
            }
            else if (line[0] != '#')
            {
                var name = type == "counter" && family.EndsWith(Total, StringComparison.Ordinal) ? family[..^Total.Length] : family;
                series.Add(new Series(service, name, string.Join(' ', TagsOf(line)), line));
            }
        }

        return series;
    }

    private static IEnumerable<string> TagsOf(string line) => Label().Matches(line)
        .Select(match => match.Groups[1].Value).Where(tag => tag != "le").Order(StringComparer.Ordinal);

    [GeneratedRegex("""([a-zA-Z_]+)="(?:[^"\\]|\\.)*["]""")]
    private static partial Regex Label();

    /// <summary>One line of the text, with the name of its metric and of its tags.</summary>
    private sealed record Series(string Service, string Name, string Tags, string Line);
}
