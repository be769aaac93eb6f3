using System.CommandLine;
using System.Diagnostics;

namespace AuthMesh.Bench.Flood;

/// <summary>
/// Compares how the same flood affects a request that needs no hash, with hashing on the thread pool and in the lane.
/// </summary>
internal static class HashingWays
{
    public static Command Define()
    {
        var clients = new Option<int>("--clients") { Description = "Number of concurrent clients", DefaultValueFactory = _ => 64 };
        var seconds = new Option<int>("--seconds") { Description = "Duration of each phase", DefaultValueFactory = _ => 20 };
        var command = new Command(
            "hashing",
            "Compares hashing on the thread pool, behind a semaphore and in the lane, in one small service") { clients, seconds };
        command.SetAction(
            (parsed, cancellation) => RunAsync(parsed.GetValue(clients), TimeSpan.FromSeconds(parsed.GetValue(seconds)), cancellation));
        return command;
    }

    private static async Task RunAsync(int clients, TimeSpan time, CancellationToken cancellation)
    {
        Console.WriteLine(
            $"{clients} clients at /login, cost {HashSpeed.Cost}, {Environment.ProcessorCount} cores; a GET without a hash in the same "
            + "process, in milliseconds");
        Console.WriteLine(
            $"{"",-12}{"quiet p50",11}{"p99",8}{"flood p50",11}{"p99",10}{"p99 flood/quiet",17}{"requests",10}{"logins/s",10}"
            + $"{"of the cores",14}");
        foreach (var way in (string[])[HashingService.Pool, HashingService.Semaphore, HashingService.Lane])
        {
            using var service = Process.Start(
                new ProcessStartInfo("dotnet", [typeof(HashingWays).Assembly.Location, HashingService.Name, way])
                {
                    RedirectStandardOutput = true,
                    RedirectStandardInput = true,
                })!;
            try
            {
                var address = new Uri((await service.StandardOutput.ReadLineAsync(cancellation))!);
                await MeasureAsync(way, address, clients, time, cancellation);
            }
            finally
            {
                service.Kill();
            }
        }
    }

    private static async Task MeasureAsync(string way, Uri address, int clients, TimeSpan time, CancellationToken cancellation)
    {
        using var caller = new Caller(address);
        Probe[] probes = [new("GET", () => caller.SendAsync(HttpMethod.Get, "/", null))];
        await Probe.RunAsync(probes, TimeSpan.FromSeconds(3), cancellation); // warm-up
        var quiet = (await Probe.RunAsync(probes, time, cancellation))[0];
        var hashBefore = await HashSpeed.MeasureAsync();

        using var flood = new LoginFlood(address);
        using var end = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var flooding = flood.RunAsync(clients, end.Token);
        await Task.Delay(TimeSpan.FromSeconds(3), cancellation);
        flood.TakeAnswers();
        var start = Stopwatch.GetTimestamp();
        var flooded = (await Probe.RunAsync(probes, time, cancellation))[0];
        var logins = LoginFlood.Hashed(flood.TakeAnswers()) / Stopwatch.GetElapsedTime(start).TotalSeconds; // a probe may return late
        await end.CancelAsync();
        await flooding;
        var hash = (hashBefore + await HashSpeed.MeasureAsync()) / 2; // other programs may use the machine too
        var yield = logins * hash.TotalSeconds / Environment.ProcessorCount;
        Console.WriteLine(
            FormattableString.Invariant($"{way,-12}{quiet.P50,11:0.0}{quiet.P99,8:0.0}{flooded.P50,11:0.0}{flooded.P99,10:0.0}")
            + FormattableString.Invariant($"{flooded.P99 / quiet.P99,17:0.0}{flooded.Sorted.Count,10}{logins,10:0.0}{yield,14:0.00}"));
    }
}
