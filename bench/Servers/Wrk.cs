using System.Globalization;
using AuthMesh.LocalMesh.Processes;

namespace AuthMesh.Bench.Servers;

/// <param name="PerSecond">The average over the whole time.</param>
/// <param name="P50">In milliseconds, and so is <paramref name="P99"/>.</param>
/// <param name="Seconds">Requests sent in each second; the first and last seconds are incomplete.</param>
internal sealed record Load(long Requests, double PerSecond, double P50, double P99, IReadOnlyList<long> Seconds);

/// <summary>Creates load from another process: one wrk thread whose connections each repeat as soon as they are answered.</summary>
internal static class Wrk
{
    public const int Connections = 64;

    private static readonly string Script = Path.Combine(AppContext.BaseDirectory, "Servers", "wrk.lua");

    /// <param name="credentials">The header and the file with its values, one per line, which are sent in turn; null sends none.</param>
    /// <param name="connections">The number of connections.</param>
    /// <exception cref="InvalidOperationException">An answer was not 2xx, or a connection broke, so the measurement is void.</exception>
    public static async Task<Load> RunAsync(
        Uri url, TimeSpan time, (string Header, string File)? credentials = null, int connections = Connections)
    {
        string[] own = credentials is { } sent ? ["--", sent.Header, sent.File] : [];
        string[] command =
        [
            "wrk", "--threads", "1", "--connections", Number(connections), "--duration", Number((int)time.TotalSeconds) + "s",
            "--timeout", "10s",
            "--script", Script, url.AbsoluteUri, .. own,
        ];
        var run = await Command.RunAsync(command);
        if (!run.Succeeded)
        {
            throw new InvalidOperationException($"wrk failed: {run.Output}");
        }

        var figures = run.Output.Split('\n').Select(line => line.Split(' ', 2)).Where(words => words.Length == 2)
            .GroupBy(words => words[0]).ToDictionary(same => same.Key, same => same.Last()[1]);
        double Figure(string name) => double.Parse(figures[name], CultureInfo.InvariantCulture);
        if (Figure("refused") + Figure("broken") > 0 || Figure("requests") == 0)
        {
            throw new InvalidOperationException($"{url}: {run.Output}");
        }

        return new Load(
            (long)Figure("requests"), Figure("requests") / Figure("microseconds") * 1e6, Figure("p50") / 1000, Figure("p99") / 1000,
            [.. figures["seconds"].Split(' ').Select(long.Parse)]);
    }

    private static string Number(int number) => number.ToString(CultureInfo.InvariantCulture);
}
