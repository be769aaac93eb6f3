using System.Reflection;
using System.Text.Json;
using AuthMesh.LocalMesh;
using AuthMesh.LocalMesh.Processes;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Observability;

/// <summary>A span that arrived at the receiver.</summary>
/// <param name="Service">The service that made it.</param>
/// <param name="Json">The span in OTLP's JSON.</param>
internal sealed record ReceivedSpan(string Service, JsonElement Json)
{
    public string Id => Json.GetProperty("spanId").GetString()!;

    public string? Parent => Json.TryGetProperty("parentSpanId", out var id) ? id.GetString() : null;

    public string Name => Json.GetProperty("name").GetString()!;

    /// <summary>2 for a server, 3 for a client.</summary>
    public int Kind => Json.TryGetProperty("kind", out var kind) ? kind.GetInt32() : 0;
}

/// <summary>Aspire's dashboard alone: an OTLP receiver that we did not write, and that shows what it received.</summary>
internal sealed class Dashboard : IAsyncDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("authmesh-dashboard-").FullName;
    private ChildProcess process = null!;
    private Caller caller = null!;

    public string OtlpOrigin { get; } = Loopback.Origin(Ports.Free());

    public static async Task<Dashboard> StartAsync()
    {
        var dashboard = new Dashboard();
        var tools = typeof(Dashboard).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
            .Single(data => data.Key == "DashboardFolder").Value!;
        Assert.True(Directory.Exists(tools), $"{tools} is missing: the dashboard is a package for Linux on x64 and arm64.");
        var origin = Loopback.Origin(Ports.Free());
        dashboard.caller = new Caller(new Uri(origin));
        dashboard.process = await ChildProcess.StartAsync(
            new ChildCommand("dashboard", [Path.Combine(tools, "Aspire.Dashboard")], tools, Path.Combine(dashboard.folder, "log"))
            {
                Environment = new Dictionary<string, string>
                {
                    ["HOME"] = dashboard.folder,
                    ["PATH"] = Environment.GetEnvironmentVariable("PATH")!,
                    ["ASPNETCORE_URLS"] = origin,
                    ["ASPIRE_DASHBOARD_OTLP_ENDPOINT_URL"] = dashboard.OtlpOrigin,
                    ["Dashboard__Otlp__AuthMode"] = "Unsecured",
                    ["Dashboard__Frontend__AuthMode"] = "Unsecured",
                    ["Dashboard__Api__Enabled"] = "true",
                    ["Dashboard__Api__AuthMode"] = "Unsecured",
                },
            });
        return dashboard;
    }

    /// <summary>Waits until the trace has every span that the test wants to see.</summary>
    public async Task<IReadOnlyList<ReceivedSpan>> UntilReceivedAsync(string traceId, Func<IReadOnlyList<ReceivedSpan>, bool> isComplete) =>
        await Patience.UntilAsync(
            async () => Read(await caller.GetAsync($"/api/telemetry/traces/{traceId}"), "resourceSpans", "scopeSpans", "spans")
                .Select(span => new ReceivedSpan(span.Service, span.Json)).ToList(),
            isComplete);

    /// <summary>Waits for a log entry of this trace with this text.</summary>
    /// <returns>Its service.</returns>
    public async Task<string> UntilLoggedAsync(string traceId, string text) => (await Patience.UntilAsync(
        async () => Read(await caller.GetAsync($"/api/telemetry/logs?traceId={traceId}"), "resourceLogs", "scopeLogs", "logRecords")
            .FirstOrDefault(entry => entry.Json.GetProperty("body").GetRawText().Contains(text, StringComparison.Ordinal)),
        found => found.Service is not null)).Service;

    private static IEnumerable<(string Service, JsonElement Json)> Read(Answer answer, string resources, string scopes, string items) =>
        answer.Status != 200 ? []
        : from resource in Members(answer.Json.GetProperty("data"), resources)
          let service = Members(resource.GetProperty("resource"), "attributes")
              .Single(attribute => attribute.GetProperty("key").GetString() == "service.name")
              .GetProperty("value").GetProperty("stringValue").GetString()!
          from scope in Members(resource, scopes)
          from item in Members(scope, items)
          select (service, item);

    private static JsonElement.ArrayEnumerator Members(JsonElement json, string name) =>
        json.TryGetProperty(name, out var members) ? members.EnumerateArray() : default;

    public async ValueTask DisposeAsync()
    {
        caller.Dispose();
        if (process is not null)
        {
            await process.StopAsync(TimeSpan.Zero); // it keeps nothing
        }

        Directory.Delete(folder, recursive: true);
    }
}
