using System.CommandLine;
using System.Diagnostics;

namespace AuthMesh.Bench.Comparison;

/// <summary>Runs every benchmark that compares AuthMesh with an alternative, and puts the results into one table.</summary>
internal static class Compare
{
    public static Command Define()
    {
        string[] names = [.. Group.All.SelectMany(group => group.Benchmarks).Select(benchmark => benchmark.Name)];
        var smoke = new Option<bool>("--smoke") { Description = "One short round without a warm-up, to check that everything runs" };
        var only = new Option<string[]>("--only")
        {
            Description = "Run only some of: " + string.Join(", ", names),
            AllowMultipleArgumentsPerToken = true,
        };
        only.AcceptOnlyFromAmong(names);
        var rounds = new Option<int>("--rounds")
        {
            Description = "Number of rounds; fewer than 5 give only a first impression",
            DefaultValueFactory = _ => Plan.Full.Rounds,
        };
        var output = new Option<FileInfo?>("--output")
        {
            Description = "Also write the tables to this file, as Markdown, and a chart for each to the folder charts beside it",
        };
        var command = new Command(
            "compare", "Compares the mesh with the alternatives; bench/run.sh prepares and runs it") { smoke, only, rounds, output };
        command.SetAction((parsed, cancellation) => RunAsync(
            parsed.GetValue(smoke) ? Plan.Smoke : Plan.Full with { Rounds = parsed.GetValue(rounds) }, parsed.GetValue(only) ?? [],
            parsed.GetValue(output), cancellation));
        return command;
    }

    private static async Task<int> RunAsync(Plan plan, string[] only, FileInfo? output, CancellationToken cancellation)
    {
        bool IsWanted(Benchmark benchmark) => only.Length == 0 || only.Contains(benchmark.Name);
        var (sections, failures, start) = (new List<Section>(), new List<string>(), Stopwatch.StartNew());
        using (var progress = new Progress([.. Group.All.SelectMany(group => group.Benchmarks).Where(IsWanted)], plan))
        {
            foreach (var group in Group.All.Where(group => group.Benchmarks.Any(IsWanted)))
            {
                var rows = new List<Row>();
                foreach (var benchmark in group.Benchmarks.Where(IsWanted))
                {
                    rows.AddRange(await MeasureAsync(benchmark, plan, progress, failures, cancellation));
                }

                if (rows.Count > 0)
                {
                    sections.Add(new Section(group, rows));
                }
            }
        }

        List<Row> all = [.. sections.SelectMany(section => section.Rows)];
        Console.WriteLine();
        Console.Write(Table.ForPeople(all));
        Console.WriteLine(
            FormattableString.Invariant($"{all.Count} rows in {start.Elapsed.TotalSeconds:0} s; ")
            + $"{all.Count(row => !row.Reach.IsMetBy(row.Ratio))} miss their target");
        if (failures.Count > 0)
        {
            Console.WriteLine($"Did not run: {string.Join(", ", failures)}");
        }

        // Drawn without an output too, so that a short check draws them.
        var charts = sections.ToDictionary(section => section.Group.Name, section => Chart.Draw(section).ToString());
        if (output is not null)
        {
            var machine = Machine.Describe(("nginx", "-v"), ("haproxy", "-v"), ("wrk", "-v"));
            await File.WriteAllTextAsync(output.FullName, Table.ForReaders(sections, failures, machine), cancellation);
            var folder = output.Directory!.CreateSubdirectory(Table.ChartFolder);
            foreach (var (name, chart) in charts)
            {
                await File.WriteAllTextAsync(Path.Combine(folder.FullName, $"{name}.svg"), chart + "\n", cancellation);
            }
        }

        return failures.Count; // speed never affects the exit code
    }

    private static async Task<IReadOnlyList<Row>> MeasureAsync(
        Benchmark benchmark, Plan plan, Progress progress, List<string> failures, CancellationToken cancellation)
    {
        progress.Begin(benchmark);
        using var bound = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        bound.CancelAfter(plan.Bound);
        try
        {
            var rows = await benchmark.MeasureAsync(plan, bound.Token).WaitAsync(bound.Token);
            progress.End();
            Console.WriteLine(benchmark.Name);
            Console.Write(Table.ForPeople(rows));
            return rows;
        }
        catch (Exception exception) when (!cancellation.IsCancellationRequested)
        {
            progress.End();
            failures.Add(benchmark.Name); // the other benchmarks are still useful
            var reason = exception is OperationCanceledException ? $"it took longer than {plan.Bound.TotalSeconds:0} s" : $"{exception}";
            Console.WriteLine($"{benchmark.Name} did not run: {reason}");
            return [];
        }
    }
}
