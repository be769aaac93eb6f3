using AuthMesh.Bench.Comparison;
using AuthMesh.Bench.Servers;
using AuthMesh.LocalMesh;

namespace AuthMesh.Bench.Startup;

/// <summary>Measures the memory of the three published services of a mesh before their first request.</summary>
internal static class IdleMemory
{
    private const double Wanted = 200; // megabytes
    private static readonly TimeSpan Settling = TimeSpan.FromSeconds(20);

    public static Task<IReadOnlyList<Row>> MeasureAsync(Plan plan, CancellationToken cancellation) =>
        Published.EachAsync(published => TemporaryFolders.UseAsync(folder => MeasureAsync(published, folder, plan, cancellation)));

    private static async Task<Row> MeasureAsync(Published published, string folder, Plan plan, CancellationToken cancellation)
    {
        var (shares, ours, theirs) = (new List<double>(), new List<double[]>(), new List<double>());
        for (var round = 0; round < plan.Repetitions; round++)
        {
            await using var mesh = await Mesh.StartAsync(new MeshOptions { PublishedServices = published.Folder }, cancellation);
            await using var stock = await DotNet.StartStockIdentityAsync(mesh.ConnectionString + ";Database=postgres", folder);
            await stock.WaitUntilItAnswersAsync("/", cancellation);
            await Task.Delay(plan.IsSmoke ? TimeSpan.Zero : Settling, cancellation);
            ours.Add([.. mesh.Services.Select(service => ResidentMemory.MegabytesOf(service.ProcessId!.Value))]);
            theirs.Add(ResidentMemory.MegabytesOf(stock.ProcessId));
            shares.Add(ours[^1].Sum() / Wanted);
        }

        double Median(int service) => Row.Median(ours.Select(round => round[service]));
        return new Row($"idle resident memory of the three services, {published.Name}", "200 MB", shares, new Reach.AtMost(1))
        {
            Figures = FormattableString.Invariant(
                $"identity service {Median(0):0}, resource service {Median(1):0}, gateway {Median(2):0} MB; ")
                + FormattableString.Invariant($"ASP.NET Core's own identity service alone {Row.Median(theirs):0} MB"),
        };
    }
}
