using System.Diagnostics;
using System.Net;

namespace AuthMesh.Bench.Flood;

/// <summary>One caller that repeats one request and measures the time of each answer.</summary>
internal sealed class Probe(string name, Func<Task<HttpStatusCode>> askAsync)
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(5);

    public string Name => name;

    public async Task<Latencies> RunAsync(CancellationToken end)
    {
        var (times, failures) = (new List<double>(), 0);
        while (!end.IsCancellationRequested)
        {
            var start = Stopwatch.GetTimestamp();
            var status = await askAsync();
            times.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
            failures += status == HttpStatusCode.OK ? 0 : 1;
            await Task.Delay(Pause, CancellationToken.None);
        }

        times.Sort();
        return new Latencies(times, failures);
    }

    /// <summary>Runs all probes concurrently for a while.</summary>
    public static Task<Latencies[]> RunAsync(IEnumerable<Probe> probes, TimeSpan time, CancellationToken cancellation)
    {
        var end = Stopwatch.StartNew();
        return Task.WhenAll(probes.Select(async probe =>
        {
            using var source = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            source.CancelAfter(time - end.Elapsed);
            return await probe.RunAsync(source.Token);
        }));
    }
}

/// <param name="Sorted">The times in milliseconds.</param>
/// <param name="Failures">The number of answers other than 200.</param>
internal sealed record Latencies(List<double> Sorted, int Failures)
{
    public double P50 => At(0.5);

    public double P99 => At(0.99);

    public static Latencies Of(IEnumerable<Latencies> rounds) => new(
        [.. rounds.SelectMany(round => round.Sorted).Order()], rounds.Sum(round => round.Failures));

    private double At(double share) => Sorted.Count == 0 ? double.NaN : Sorted[Math.Min(Sorted.Count - 1, (int)(share * Sorted.Count))];
}
