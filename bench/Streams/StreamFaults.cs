using System.Collections.Concurrent;
using System.CommandLine;
using System.Diagnostics;
using System.Net.WebSockets;
using AuthMesh.LocalMesh;
using AuthMesh.TestMesh;

namespace AuthMesh.Bench.Streams;

/// <summary>
/// Opens many WebSockets, then cuts the revocation feed, kills the service and kills the gateway, one after the other. It fails if a stream
/// of a live session ends without cause, if one stays open that must not, or if clients cannot connect again.
/// </summary>
internal static class StreamFaults
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    public static Command Define()
    {
        var count = new Option<int>("--count") { Description = "Number of WebSockets", DefaultValueFactory = _ => 1_000 };
        var command = new Command("stream-faults", "Cuts the feed and kills service and gateway while WebSockets are open") { count };
        command.SetAction(async (parsed, cancellation) =>
        {
            await RunAsync(parsed.GetValue(count), cancellation);
            return 0;
        });
        return command;
    }

    private static async Task RunAsync(int count, CancellationToken cancellation)
    {
        await using var mesh = await Mesh.StartAsync(
            InProduction.Options with
            {
                Settings = new Dictionary<string, string>(InProduction.Options.Settings)
                {
                    ["AuthMesh:Revocations:OnStale"] = "Reject", ["AuthMesh:Revocations:StaleAfter"] = "00:00:05",
                },
                GatewaySettings = new Dictionary<string, string>
                {
                    ["Gateway:Streams:PerSession"] = "1000", // a few users hold all sessions here
                },
            },
            cancellation);
        var gateway = mesh.Gateway.Address;
        var tokens = (await SignedInUsers.CreateAsync(gateway, count)).Tokens;

        // 1. The feed is cut: open streams stay, new ones are refused, and a logout takes effect when the feed is back.
        var sockets = await Listening.OpenAllAsync(tokens, gateway, cancellation);
        mesh.Identity.Suspend();
        await UntilAsync(async () => !await CanOpenAsync(tokens[0], gateway, cancellation));
        Demand(sockets.Values.All(socket => !socket.Closed.IsCompleted), "A stream of a live session ended while the feed was cut.");
        mesh.Identity.Resume();
        await UntilAsync(() => CanOpenAsync(tokens[0], gateway, cancellation));
        await LogOutAsync(tokens[1], gateway, cancellation);
        var (code, _) = await sockets[tokens[1]].Closed.WaitAsync(Patience, cancellation);
        Demand(code == 4401, $"After the feed was back, a logout closed its stream with {code}.");
        Console.WriteLine($"feed cut: {sockets.Count - 1} stayed open, new ones were refused, a logout afterwards closed its own");

        // 2. The service is killed.
        var killed = Stopwatch.GetTimestamp();
        mesh.Resource.Kill();
        Console.WriteLine($"service killed: {await AllClosedAsync(sockets, killed, cancellation)}");
        await mesh.Resource.RestartAsync();
        await mesh.Resource.WaitUntilReadyAsync(cancellation: cancellation);
        await UntilAsync(() => CanOpenAsync(tokens[0], gateway, cancellation));
        sockets = await Listening.OpenAllAsync(tokens.Skip(2), gateway, cancellation);

        // 3. The gateway is killed.
        killed = Stopwatch.GetTimestamp();
        mesh.Gateway.Kill();
        Console.WriteLine($"gateway killed: {await AllClosedAsync(sockets, killed, cancellation)}");
        await mesh.Gateway.RestartAsync();
        await mesh.Gateway.WaitUntilReadyAsync(cancellation: cancellation);
        sockets = await Listening.OpenAllAsync(tokens.Skip(2), gateway, cancellation);
        await LogOutAsync(tokens[2], gateway, cancellation);
        Demand(
            (await sockets[tokens[2]].Closed.WaitAsync(Patience, cancellation)).Code == 4401,
            "After the restart of the gateway, a logout did not close its stream.");
        Console.WriteLine($"{sockets.Count} opened again, and a logout closed its own");
    }

    private static async Task<string> AllClosedAsync(
        ConcurrentDictionary<string, Listening> sockets, long since, CancellationToken cancellation)
    {
        var closed = await Task.WhenAll(sockets.Values.Select(socket => socket.Closed)).WaitAsync(Patience, cancellation);
        var last = closed.Max(socket => Stopwatch.GetElapsedTime(since, socket.At));
        return FormattableString.Invariant($"{sockets.Count} clients were told, the last after {last.TotalMilliseconds:0} ms");
    }

    private static async Task<bool> CanOpenAsync(string token, Uri gateway, CancellationToken cancellation)
    {
        try
        {
            (await Listening.OpenAsync(token, gateway, cancellation)).Socket.Dispose();
            return true;
        }
        catch (WebSocketException)
        {
            return false;
        }
    }

    private static async Task LogOutAsync(string token, Uri gateway, CancellationToken cancellation)
    {
        using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false, UseCookies = false }) { BaseAddress = gateway };
        using var request = new HttpRequestMessage(HttpMethod.Post, "/logout");
        request.Headers.Authorization = new("Bearer", token);
        using var answer = await http.SendAsync(request, cancellation);
        answer.EnsureSuccessStatusCode();
    }

    private static async Task UntilAsync(Func<Task<bool>> condition)
    {
        var waited = Stopwatch.StartNew();
        while (!await condition())
        {
            Demand(waited.Elapsed < Patience, $"Nothing changed in {Patience.TotalSeconds:0} s.");
            await Task.Delay(100);
        }
    }

    private static void Demand(bool isMet, string problem)
    {
        if (!isMet)
        {
            throw new InvalidOperationException(problem);
        }
    }
}
