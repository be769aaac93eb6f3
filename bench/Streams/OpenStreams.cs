using System.Collections.Concurrent;
using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Net.WebSockets;
using AuthMesh.Bench.Startup;
using AuthMesh.LocalMesh;
using AuthMesh.TestMesh;

namespace AuthMesh.Bench.Streams;

/// <summary>
/// Opens many WebSockets whose clients read, ends their sessions one after another, and measures from the answer of each logout to the
/// Close frame at the client. It also shows what an idle WebSocket costs the gateway, and whether the memory comes back.
/// </summary>
internal static class OpenStreams
{
    private const int ClosedByMesh = 4401;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Settling = TimeSpan.FromSeconds(15); // for the collector, which gives memory back late

    public static Command Define()
    {
        var count = new Option<int>("--count") { Description = "Number of WebSockets", DefaultValueFactory = _ => 10_000 };
        var ends = new Option<int>("--revocations") { Description = "Number of logouts", DefaultValueFactory = _ => 1_000 };
        var command = new Command("streams", "Measures the time from a logout to the close of its WebSockets, and the memory of idle ones")
        {
            count, ends,
        };
        command.SetAction(async (parsed, cancellation) =>
        {
            await RunAsync(parsed.GetValue(count), parsed.GetValue(ends), cancellation);
            return 0;
        });
        return command;
    }

    private static async Task RunAsync(int count, int ends, CancellationToken cancellation)
    {
        await using var mesh = await Mesh.StartAsync(
            InProduction.Options with
            {
                GatewaySettings = new Dictionary<string, string>
                {
                    ["Gateway:Streams:Total"] = $"{count + 100}",
                    ["Gateway:Streams:PerSession"] = "1000", // a few users hold all sessions here
                },
            },
            cancellation);
        var users = await SignedInUsers.CreateAsync(mesh.Gateway.Address, count);
        var process = mesh.Gateway.ProcessId!.Value;
        await Listening.OpenAllAsync(users.Tokens.Take(Math.Min(200, count)), mesh.Gateway.Address, cancellation)
            .ContinueWith(warm => CloseAllAsync(warm.Result.Values), cancellation).Unwrap();

        var before = ResidentMemory.MegabytesOf(process);
        var opening = Stopwatch.StartNew();
        var sockets = await Listening.OpenAllAsync(users.Tokens, mesh.Gateway.Address, cancellation);
        Console.WriteLine($"{sockets.Count} WebSockets opened in {opening.Elapsed.TotalSeconds:0.0} s");
        await Task.Delay(Settling, cancellation);
        var open = ResidentMemory.MegabytesOf(process);
        Console.WriteLine(
            $"gateway: {before:0} MB before, {open:0} MB with all open: {(open - before) * 1024 / sockets.Count:0.0} KB for each");

        var delays = await EndAsync(users.Tokens.Take(ends), sockets, mesh.Gateway.Address, cancellation);
        Print(delays, sockets.Count);

        await CloseAllAsync(sockets.Values);
        await Task.Delay(Settling, cancellation);
        Console.WriteLine($"gateway: {ResidentMemory.MegabytesOf(process):0} MB after all are gone");
        var again = await Listening.OpenAllAsync(users.Tokens.Skip(ends), mesh.Gateway.Address, cancellation);
        await Task.Delay(Settling, cancellation);
        Console.WriteLine($"gateway: {ResidentMemory.MegabytesOf(process):0} MB with {again.Count} open again");
    }

    /// <returns>The milliseconds from the answer of each logout to the close; zero if the close came first.</returns>
    private static async Task<List<double>> EndAsync(
        IEnumerable<string> tokens, ConcurrentDictionary<string, Listening> sockets, Uri gateway, CancellationToken cancellation)
    {
        using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false, UseCookies = false }) { BaseAddress = gateway };
        var delays = new List<double>();
        foreach (var token in tokens)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "/logout");
            request.Headers.Authorization = new("Bearer", token);
            using var answer = await http.SendAsync(request, cancellation);
            answer.EnsureSuccessStatusCode();
            var answered = Stopwatch.GetTimestamp();
            var (code, closedAt) = await sockets[token].Closed.WaitAsync(Patience, cancellation);
            if (code != ClosedByMesh)
            {
                throw new InvalidOperationException($"A WebSocket was closed with {code}.");
            }

            delays.Add(Math.Max(0, Stopwatch.GetElapsedTime(answered, closedAt).TotalMilliseconds));
        }

        return delays;
    }

    private static Task CloseAllAsync(IEnumerable<Listening> sockets)
    {
        foreach (var socket in sockets)
        {
            socket.Socket.Dispose();
        }

        return Task.CompletedTask;
    }

    private static void Print(List<double> delays, int count)
    {
        delays.Sort();
        string At(double share) => delays[Math.Min(delays.Count - 1, (int)Math.Ceiling(share * delays.Count) - 1)]
            .ToString("0.0", CultureInfo.InvariantCulture);
        Console.WriteLine(
            $"{delays.Count} logouts with {count} WebSockets open; milliseconds from the answer to the close: p50 {At(0.5)}, "
            + $"p99 {At(0.99)}, max {At(1)}");
    }
}
