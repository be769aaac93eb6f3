using System.Collections.Concurrent;
using System.CommandLine;
using System.Globalization;
using System.Net.Http.Headers;
using System.Text.RegularExpressions;
using AuthMesh.Bench.Startup;
using AuthMesh.LocalMesh;
using AuthMesh.TestMesh;
using AuthMesh.Tokens;

namespace AuthMesh.Bench.Flood;

/// <summary>
/// Sends well-formed keys that nobody made, each once, from one network. The gateway must ask the identity service about few of them, and
/// must not grow.
/// </summary>
internal static partial class JunkKeys
{
    private const int Connections = 32;

    public static Command Define()
    {
        var count = new Option<int>("--count") { Description = "Number of keys", DefaultValueFactory = _ => 1_000_000 };
        var command = new Command("junk-keys", "Checks that a flood of junk keys asks the identity service little and grows nothing")
        {
            count,
        };
        command.SetAction((parsed, cancellation) => RunAsync(parsed.GetValue(count), cancellation));
        return command;
    }

    private static async Task<int> RunAsync(int count, CancellationToken cancellation)
    {
        var metrics = new Uri(Loopback.Origin(LocalMesh.Processes.Ports.Free()));
        await using var mesh = await Mesh.StartAsync(
            new MeshOptions
            {
                GatewaySettings = new Dictionary<string, string>
                {
                    ["Gateway:RateLimits:LimitLoopback"] = "true", ["AuthMesh:MetricsUrl"] = metrics.GetLeftPart(UriPartial.Authority),
                },
            },
            cancellation);
        using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false, MaxConnectionsPerServer = Connections })
        {
            BaseAddress = mesh.Gateway.Address,
        };
        int[] processes = [mesh.Gateway.ProcessId!.Value, mesh.Identity.ProcessId!.Value];

        var warm = await SendAsync(http, count / 10, cancellation); // compiles the code, and fills what has a fixed size
        var before = PhysicalMemory.Of(processes).Own;
        var started = TimeProvider.System.GetTimestamp();
        var statuses = await SendAsync(http, count, cancellation);
        var seconds = TimeProvider.System.GetElapsedTime(started).TotalSeconds;
        var after = PhysicalMemory.Of(processes).Own;
        var asked = Asked(await http.GetStringAsync(new Uri(metrics, "/metrics"), cancellation));

        Console.WriteLine(FormattableString.Invariant(
            $"{count:N0} junk keys from one network in {seconds:0} s, after {count / 10:N0} to warm up:"));
        Console.WriteLine(string.Join(", ", statuses.OrderBy(pair => pair.Key).Select(
            pair => FormattableString.Invariant($"{pair.Key} × {pair.Value:N0}"))));
        Console.WriteLine(FormattableString.Invariant($"The identity service was asked {asked:N0} times in all"));
        Console.WriteLine(FormattableString.Invariant(
            $"Memory in MB: gateway {before[0]:0} -> {after[0]:0}, identity service {before[1]:0} -> {after[1]:0}"));
        return asked > 0 && statuses.Keys.All(status => status is 401 or 429) && warm.Keys.All(status => status is 401 or 429) ? 0 : 1;
    }

    private static async Task<IReadOnlyDictionary<int, int>> SendAsync(HttpClient http, int count, CancellationToken cancellation)
    {
        var statuses = new ConcurrentDictionary<int, int>();
        await Parallel.ForAsync(
            0, count, new ParallelOptions { MaxDegreeOfParallelism = Connections, CancellationToken = cancellation },
            async (_, stop) =>
            {
                using var request = new HttpRequestMessage(HttpMethod.Get, "/protected");
                request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", KeyText.Create());
                using var answer = await http.SendAsync(request, stop);
                statuses.AddOrUpdate((int)answer.StatusCode, 1, (_, seen) => seen + 1);
            });
        return statuses;
    }

    // All results but the cached ones are exchanges.
    private static long Asked(string metrics) =>
        Exchanges().Matches(metrics).Sum(match => long.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture));

    [GeneratedRegex(
        "^authmesh_api_keys_checked_total\\{[^}]*result=\"(?:exchanged|refused|unavailable)\"[^}]*\\} ([0-9]+)", RegexOptions.Multiline)]
    private static partial Regex Exchanges();
}
