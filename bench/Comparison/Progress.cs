using System.Diagnostics;

namespace AuthMesh.Bench.Comparison;

/// <summary>
/// Shows on standard error which row is being measured and how long the rest will take: on a terminal as one line that changes each second,
/// otherwise as a line each minute.
/// </summary>
internal sealed class Progress : IDisposable
{
    private const string ClearLine = "\r\e[2K";

    private readonly Lock gate = new();
    private readonly Stopwatch sinceStart = Stopwatch.StartNew(), sinceBenchmark = new();
    private readonly Plan plan;
    private readonly Timer timer;
    private readonly int rows;
    private double expectedBefore, expectedAfter;
    private int rowsBefore;
    private Benchmark? current;

    public Progress(IReadOnlyList<Benchmark> benchmarks, Plan plan)
    {
        (this.plan, rows, expectedAfter) =
            (plan, benchmarks.Sum(benchmark => benchmark.Rows), benchmarks.Sum(benchmark => benchmark.Expected(plan)));
        var period = Console.IsErrorRedirected ? TimeSpan.FromMinutes(1) : TimeSpan.FromSeconds(1);
        timer = new Timer(_ => Show(), null, period, period);
    }

    /// <summary>Call it before a benchmark.</summary>
    public void Begin(Benchmark benchmark)
    {
        lock (gate)
        {
            current = benchmark;
            expectedAfter -= benchmark.Expected(plan);
            sinceBenchmark.Restart();
        }

        Show();
    }

    /// <summary>Call it after a benchmark, before its results are printed.</summary>
    public void End()
    {
        lock (gate)
        {
            rowsBefore += current!.Rows;
            expectedBefore += current.Expected(plan);
            current = null;
            if (!Console.IsErrorRedirected)
            {
                Console.Error.Write(ClearLine);
            }
        }
    }

    public void Dispose() => timer.Dispose();

    private void Show()
    {
        lock (gate)
        {
            if (current is null)
            {
                return;
            }

            var numbers = current.Rows == 1 ? $"row {rowsBefore + 1}" : $"rows {rowsBefore + 1} to {rowsBefore + current.Rows}";
            var text = FormattableString.Invariant($"{numbers} of {rows} ({current.Name}), {Left()}");
            Console.Error.Write(Console.IsErrorRedirected ? text + "\n" : ClearLine + text);
        }
    }

    // The benchmarks before this one show how fast this machine is.
    private string Left()
    {
        var pace = expectedBefore > 0 ? (sinceStart.Elapsed - sinceBenchmark.Elapsed).TotalSeconds / expectedBefore : 1;
        var left = Math.Max(0, current!.Expected(plan) * pace - sinceBenchmark.Elapsed.TotalSeconds) + expectedAfter * pace;
        return left < 45 ? "less than a minute left" : FormattableString.Invariant($"about {Math.Max(1, left / 60):0} min left");
    }
}
