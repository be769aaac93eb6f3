using System.Diagnostics;
using System.Text.Json;
using System.Text.RegularExpressions;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Gateway;

/// <summary>
/// The trace of a request. If nothing collects traces, the gateway makes no activity and forwards the caller's trace as it is. Its gateway
/// runs as a process: a listener of another test would otherwise bring the activities back.
/// </summary>
public sealed class TraceTests(TraceTests.Untraced untraced) : IClassFixture<TraceTests.Untraced>
{
    private const string TraceId = "0af7651916cd43dd8448eb211c80319c", Parent = $"00-{TraceId}-b7ad6b7169203331-01";
    private const string ValidParent = "^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$";

    private LoneGateway Gateway => untraced.Gateway;

    [Theory]
    [InlineData("GET", "/open/x")]
    [InlineData("POST", "/echo/x")]
    public async Task The_service_gets_the_callers_trace_unchanged_and_no_baggage(string method, string path)
    {
        var arrived = await ArrivedAsync(
            $"{method} {path}",
            $"traceparent: {Parent}", "tracestate: congo=t61rcWkgMzE,rojo=00f067aa0ba902b7", "tracestate: third=3", "baggage: user.id=1",
            "Correlation-Context: user.id=1", "Request-Id: |1.");

        Assert.Equal(Parent, arrived["traceparent"]);
        Assert.Equal(
            "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7,third=3", arrived["tracestate"].Replace(", ", ",", StringComparison.Ordinal));
        Assert.DoesNotContain("user.id=1", arrived.Values);
        Assert.DoesNotContain("Request-Id", arrived.Keys, StringComparer.OrdinalIgnoreCase);
    }

    [Theory]
    [InlineData("00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01")]
    [InlineData("00-0af7651916cd43dd8448eb211c80319c-B7AD6B7169203331-01")]
    [InlineData("00-00000000000000000000000000000000-b7ad6b7169203331-01")]
    [InlineData("00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01")]
    [InlineData("ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")]
    [InlineData("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0")]
    [InlineData("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more")]
    [InlineData("00_0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331_01")]
    [InlineData("0000af7651916cd43dd8448eb211c80319c0b7ad6b7169203331001")]
    [InlineData("00-0af7651916cd43dd8448eb211c80319g-b7ad6b7169203331-01")]
    [InlineData("")]
    [InlineData("junk")]
    [InlineData(Parent, Parent)]
    [InlineData(Parent, "00-11111111111111111111111111111111-b7ad6b7169203331-01")]
    [InlineData(Parent + "," + Parent)]
    public async Task An_invalid_trace_is_replaced_and_its_state_dropped(params string[] parents)
    {
        var arrived = await ArrivedAsync("GET /open/x", ["tracestate: a=1", .. parents.Select(parent => $"traceparent: {parent}")]);

        Assert.Matches(ValidParent, arrived["traceparent"]);
        Assert.DoesNotContain(TraceId, arrived["traceparent"], StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("tracestate", arrived.Keys, StringComparer.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task A_request_without_a_trace_gets_a_new_one_each_time()
    {
        var parents = await Together.RunAsync(
            20, async _ => (await Gateway.Caller.GetAsync("/open/x")).ArrivedHeader("traceparent")!);

        Assert.All(parents, parent => Assert.Matches(ValidParent, parent));
        Assert.Equal(20, parents.Distinct().Count());
    }

    [Fact]
    public async Task Requests_at_the_same_time_keep_their_own_trace_in_service_answer_and_log()
    {
        var ids = Enumerable.Range(0, 60).Select(_ => Guid.NewGuid().ToString("N")).ToList();

        await Together.RunAsync(ids.Count, async call =>
        {
            var arrived = await SendAsync("/open/x", call);
            Assert.Equal(ids[call], arrived.ArrivedHeader("traceparent")!.Split('-')[1]);
            var refused = await SendAsync("/protected", call);
            refused.AssertError(401, "invalid_token");
            Assert.Equal(ids[call], refused.Member("traceId"));
            return refused;
        });

        // Each id stands in our two lines about its own request: the reason, and the answer.
        await Patience.UntilAsync(() => ids.All(id => Categories(id).Count() >= 2));
        Assert.All(ids, id => Assert.Equal(["AuthMesh.Errors.AnswerLog", "AuthMesh.Tokens.AccessTokenHandler"], Categories(id).Order()));

        Task<Answer> SendAsync(string path, int call) => Gateway.Caller.SendAsync(HttpMethod.Get, path, change: request =>
        {
            request.Headers.Add("traceparent", $"00-{ids[call]}-b7ad6b7169203331-01");
            if (path == "/protected")
            {
                request.Headers.Authorization = new("Bearer", "junk");
            }
        });

        IEnumerable<string> Categories(string id) => Regex.Matches(Gateway.Log, $"(?m)^.*\"traceId\":\"{id}\".*\n")
            .Select(line => JsonElement.Parse(line.Value).GetProperty("category").GetString()!)
            .Where(category => category.StartsWith("AuthMesh.", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_line_for_a_person_has_the_trace_id_in_brackets()
    {
        await using var lone = new LoneGateway();
        await lone.InitializeAsync();
        var id = Guid.NewGuid().ToString("N");

        var refused = await lone.Caller.SendAsync(
            HttpMethod.Get, "/protected", change: request => request.Headers.Add("traceparent", $"00-{id}-b7ad6b7169203331-01"));

        Assert.Equal(id, refused.Member("traceId"));
        await lone.UntilLoggedAsync($"Answered 401 missing_token (/protected) [{id}]\n");
    }

    [Theory]
    [InlineData("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")]
    [InlineData("Logging:Console:FormatterName", "json")] // one of the framework's, which can print scopes
    [InlineData(null, null)] // with a listener in the process
    public async Task Something_that_listens_brings_the_activity_back(string? setting, string? value)
    {
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => setting is null && source.Name == "Microsoft.AspNetCore",
            Sample = (ref _) => ActivitySamplingResult.AllData,
        };
        ActivitySource.AddActivityListener(listener);
        await using var lone = new LoneGateway(setting is null ? [] : new() { [setting] = value! });
        await lone.InitializeAsync();

        var arrived = await lone.Caller.SendAsync(HttpMethod.Get, "/open/x", change: request =>
        {
            request.Headers.Add("traceparent", Parent);
            request.Headers.Add("tracestate", "a=1");
            request.Headers.Add("baggage", "user.id=1");
        });

        Assert.Matches(ValidParent, arrived.ArrivedHeader("traceparent"));
        Assert.Equal(TraceId, arrived.ArrivedHeader("traceparent")!.Split('-')[1]);
        Assert.NotEqual(Parent, arrived.ArrivedHeader("traceparent")); // a span of the gateway's own
        Assert.Equal("a=1", arrived.ArrivedHeader("tracestate"));
        Assert.DoesNotContain("user.id", arrived.Text, StringComparison.Ordinal);
    }

    /// <returns>The headers that arrived at the service.</returns>
    private async Task<Dictionary<string, string>> ArrivedAsync(string request, params string[] headers)
    {
        var answer = await RawHttp.SendAsync(
            Gateway.Caller.Address,
            $"{request} HTTP/1.1\r\nHost: localhost\r\n{string.Join("\r\n", headers)}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 200 ", answer, StringComparison.Ordinal);
        return JsonElement.Parse(answer[answer.IndexOf("{\"Method", StringComparison.Ordinal)..(answer.LastIndexOf('}') + 1)])
            .GetProperty("headers").EnumerateObject().ToDictionary(
                header => header.Name, header => header.Value.GetString()!, StringComparer.OrdinalIgnoreCase);
    }

    /// <summary>A gateway whose traces nothing collects.</summary>
    public sealed class Untraced : IAsyncLifetime
    {
        public LoneGateway Gateway { get; } =
            new(new() { ["Logging:Console:FormatterName"] = "authmesh-json" }) { IsProcess = true };

        public ValueTask InitializeAsync() => Gateway.InitializeAsync();

        public ValueTask DisposeAsync() => Gateway.DisposeAsync();
    }
}
