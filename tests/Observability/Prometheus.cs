using System.Diagnostics;
using System.Text.Json;
using AuthMesh.LocalMesh;
using AuthMesh.LocalMesh.Processes;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Observability;

/// <summary>A real Prometheus that scrapes a running mesh, and evaluates the alert rules of deploy/observability.</summary>
internal sealed class Prometheus : IAsyncDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("authmesh-prometheus-").FullName;
    private ChildProcess process = null!;
    private Caller caller = null!;

    private static string Rules => Path.Combine(Checkout.Root, "deploy/observability/alerts.yml");

    /// <param name="targets">The jobs, named as in deploy/observability, and the addresses that they scrape.</param>
    public static async Task<Prometheus> StartAsync(params (string Job, Uri Address)[] targets)
    {
        var prometheus = new Prometheus();
        var port = Ports.Free();
        var configuration = Path.Combine(prometheus.folder, "prometheus.yml");
        await File.WriteAllTextAsync(
            configuration,
            $"""
            global: {"{"} scrape_interval: 500ms, evaluation_interval: 500ms {"}"}
            rule_files: ["{Rules}"]
            scrape_configs:
            {string.Join('\n', targets.Select(
                target => $"  - {{ job_name: {target.Job}, static_configs: [{{ targets: [\"{target.Address.Authority}\"] }}] }}"))}

            """);
        prometheus.caller = new Caller(new Uri(Loopback.Origin(port)));
        prometheus.process = await ChildProcess.StartAsync(new ChildCommand(
            "prometheus",
            [
                Find("prometheus"), $"--config.file={configuration}", $"--storage.tsdb.path={Path.Combine(prometheus.folder, "data")}",
                $"--web.listen-address={new Uri(Loopback.Origin(port)).Authority}", "--log.level=warn",
            ],
            prometheus.folder, Path.Combine(prometheus.folder, "log")));
        return prometheus;
    }

    /// <summary>Runs <c>promtool check …</c>.</summary>
    public static async Task<(int ExitCode, string Output)> CheckAsync(params string[] arguments)
    {
        using var promtool = Process.Start(new ProcessStartInfo(Find("promtool"), ["check", .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var (output, errors) = (promtool.StandardOutput.ReadToEndAsync(), promtool.StandardError.ReadToEndAsync());
        await promtool.WaitForExitAsync();
        return (promtool.ExitCode, await output + await errors);
    }

    /// <returns>The series that the expression yields now; none while Prometheus starts.</returns>
    public async Task<IReadOnlyList<JsonElement>> QueryAsync(string expression)
    {
        var answer = await caller.GetAsync("/api/v1/query?query=" + Uri.EscapeDataString(expression));
        if (answer.Status == 503)
        {
            return [];
        }

        Assert.True(answer.Status == 200, $"{expression}: {answer.Text}");
        return [.. answer.Json.GetProperty("data").GetProperty("result").EnumerateArray()];
    }

    /// <returns>The alert rules, as Prometheus evaluated them.</returns>
    public async Task<IReadOnlyList<JsonElement>> RulesAsync() =>
        [.. (await caller.GetAsync("/api/v1/rules")).Json.GetProperty("data").GetProperty("groups").EnumerateArray()
            .SelectMany(group => group.GetProperty("rules").EnumerateArray())];

    private static string Find(string program)
    {
        string[] folders = Environment.GetEnvironmentVariable("AUTHMESH_PROMETHEUS") is { Length: > 0 } named ? [named]
            : ["/usr/bin", Path.Combine(Checkout.Root, "tests/obj/prometheus/usr/bin")];
        var found = folders.Select(folder => Path.Combine(folder, program)).FirstOrDefault(File.Exists);
        Assert.True(found is not null, $"{program} is missing. ./test.sh unpacks it, or says what to install.");
        return found;
    }

    public async ValueTask DisposeAsync()
    {
        caller.Dispose();
        if (process is not null)
        {
            await process.StopAsync(TimeSpan.FromSeconds(5));
        }

        Directory.Delete(folder, recursive: true);
    }
}
