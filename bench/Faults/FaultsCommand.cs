using System.CommandLine;
using AuthMesh.Bench.Comparison;
using AuthMesh.LocalMesh;

namespace AuthMesh.Bench.Faults;

/// <summary>Runs faults one after the other, and fails if anything acknowledged is lost or anything ended is accepted.</summary>
internal static class FaultsCommand
{
    public static Command Define()
    {
        var only = new Option<string[]>("--only")
        {
            Description = "Run these faults: " + string.Join(' ', AllFaults.List.Select(fault => fault.Slug).Append(Migrations.Slug)),
            AllowMultipleArgumentsPerToken = true,
        };
        only.AcceptOnlyFromAmong([.. AllFaults.List.Select(fault => fault.Slug), Migrations.Slug]);
        var output = new Option<FileInfo?>("--output") { Description = "Write the table to this file and the charts beside it" };
        var command = new Command("faults", "Breaks parts of a mesh under load, one fault after the other") { only, output };
        command.SetAction((parsed, cancellation) => RunAsync(parsed.GetValue(only) ?? [], parsed.GetValue(output), cancellation));
        return command;
    }

    private static async Task<int> RunAsync(string[] only, FileInfo? output, CancellationToken cancellation)
    {
        var outcomes = new List<Outcome>();
        var (others, holds) = (new List<string>(), true);
        foreach (var fault in AllFaults.List.Where(fault => only.Length == 0 || only.Contains(fault.Slug)))
        {
            try
            {
                var outcome = await FaultRun.RunAsync(fault, cancellation);
                outcomes.Add(outcome);
                holds &= outcome.Holds;
                Console.WriteLine(FaultTable.Describe(outcome));
            }
            catch (Exception problem) when (IsOfMesh(problem))
            {
                Note($"**Failed**: {fault.Name}. {problem.Message}");
                holds = false;
            }
        }

        if (only.Length == 0 || only.Contains(Migrations.Slug))
        {
            try
            {
                Note(await Migrations.RunAsync(cancellation));
            }
            catch (Exception problem) when (IsOfMesh(problem))
            {
                Note($"**Failed**: six replicas that migrate at once. {problem.Message}");
                holds = false;
            }
        }

        if (output is not null)
        {
            var charts = Directory.CreateDirectory(Path.Combine(output.DirectoryName!, Table.ChartFolder));
            await File.WriteAllTextAsync(output.FullName, FaultTable.ForReaders(outcomes, others), cancellation);
            foreach (var outcome in outcomes)
            {
                FaultChart.Draw(outcome).Save(Path.Combine(charts.FullName, $"fault-{outcome.Fault.Slug}.svg"));
            }
        }

        return holds ? 0 : 1;

        // The mesh does not start, or does not answer after the repair. The other faults must still run.
        static bool IsOfMesh(Exception problem) => problem is MeshException or InvalidOperationException or HttpRequestException;

        void Note(string line)
        {
            others.Add(line);
            Console.WriteLine(line);
        }
    }
}
