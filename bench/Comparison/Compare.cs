using System.CommandLine;
using System.Diagnostics;
using AuthMesh.Bench.Flood;
using AuthMesh.Bench.Growth;
using AuthMesh.Bench.Pages;
using AuthMesh.Bench.Passwords;
using AuthMesh.Bench.Protected;
using AuthMesh.Bench.Sessions;
using AuthMesh.Bench.Startup;
using AuthMesh.Bench.Tokens;

namespace AuthMesh.Bench.Comparison;

/// <summary>Runs every benchmark that compares AuthMesh with an alternative, and puts the results into one table.</summary>
internal static class Compare
{
    private static readonly (string Name, Func<Plan, CancellationToken, Task<IReadOnlyList<Row>>> MeasureAsync)[] Benchmarks =
    [
        ("protected", ProtectedRates.MeasureAsync),
        ("bytes", RequestBytes.MeasureAsync),
        ("first-sight", FirstSight.MeasureAsync),
        ("refresh", RefreshRate.MeasureAsync),
        ("login", LoginRate.MeasureAsync),
        ("pages", FirstByte.MeasureAsync),
        ("hash", HashTime.MeasureAsync),
        ("start", StartTime.MeasureAsync),
        ("first-seconds", FirstSeconds.MeasureAsync),
        ("memory", IdleMemory.MeasureAsync),
        ("growth", GrowthTimes.MeasureAsync),
    ];

    public static Command Define()
    {
        var smoke = new Option<bool>("--smoke") { Description = "One short round without a warm-up, to check that everything runs" };
        var only = new Option<string[]>(
            "--only")
        {
            Description = "Run only some of: " + string.Join(", ", Benchmarks.Select(benchmark => benchmark.Name)),
            AllowMultipleArgumentsPerToken = true
        };
        only.AcceptOnlyFromAmong([.. Benchmarks.Select(benchmark => benchmark.Name)]);
        var rounds = new Option<int>(
            "--rounds")
        {
            Description = "Number of rounds; fewer than 5 give only a first impression",
            DefaultValueFactory = _ => Plan.Full.Rounds
        };
        var output = new Option<FileInfo?>("--output") { Description = "Also write the table to this file, as Markdown" };
        var command = new Command(
            "compare", "Compares the mesh with the alternatives; bench/run.sh prepares and runs it") { smoke, only,
            rounds, output };
        command.SetAction((parsed, cancellation) => RunAsync(
            parsed.GetValue(smoke) ? Plan.Smoke : Plan.Full with { Rounds = parsed.GetValue(rounds) }, parsed.GetValue(only) ?? [],
            parsed.GetValue(output), cancellation));
        return command;
    }

    private static async Task<int> RunAsync(Plan plan, string[] only, FileInfo? output, CancellationToken cancellation)
    {
        var (rows, failures, start) = (new List<Row>(), new List<string>(), Stopwatch.StartNew());
        foreach (var (name, measureAsync) in Benchmarks.Where(benchmark => only.Length == 0 || only.Contains(benchmark.Name)))
        {
            Console.WriteLine(FormattableString.Invariant($"{name} (at {start.Elapsed.TotalSeconds:0} s)"));
            using var bound = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            bound.CancelAfter(plan.Bound);
            try
            {
                var measured = await measureAsync(plan, bound.Token).WaitAsync(bound.Token);
                rows.AddRange(measured);
                Console.Write(Table.ForPeople(measured));
            }
            catch (Exception exception) when (!cancellation.IsCancellationRequested)
            {
                failures.Add(name); // the other benchmarks are still useful
                var reason = exception is OperationCanceledException ? $"it took longer than {plan.Bound.TotalSeconds:0} s"
                    : $"{exception}";
                Console.WriteLine($"  did not run: {reason}");
            }
        }

        Console.WriteLine();
        Console.Write(Table.ForPeople(rows));
        Console.WriteLine(
            FormattableString.Invariant($"{rows.Count} rows in {start.Elapsed.TotalSeconds:0} s; ")
            + $"{rows.Count(row => !row.Reach.IsMetBy(row.Ratio))} miss their target");
        if (failures.Count > 0)
        {
            Console.WriteLine($"Did not run: {string.Join(", ", failures)}");
        }

        if (output is not null)
        {
            await File.WriteAllTextAsync(output.FullName, Table.ForReaders(rows, failures, Machine.Describe()), cancellation);
        }

        return failures.Count; // speed never affects the exit code
    }
}
