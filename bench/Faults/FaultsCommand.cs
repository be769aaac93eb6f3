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
            catch (MeshException problem)
            {
                others.Add($"Did not run: {fault.Name}. {problem.Message}");
                Console.WriteLine(others[^1]);
                holds = false;
            }
        }

        if (only.Length == 0 || only.Contains(Migrations.Slug))
        {
            others.Add(await Migrations.RunAsync(cancellation));
            Console.WriteLine(others[^1]);
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
    }
}
