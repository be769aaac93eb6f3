using AuthMesh.Bench.Comparison;
using AuthMesh.LocalMesh;

namespace AuthMesh.Bench.Startup;

/// <summary>Measures the memory of the three published services of a mesh before their first request.</summary>
internal static class IdleMemory
{
    private static readonly TimeSpan Settling = TimeSpan.FromSeconds(20);

    public static Task<IReadOnlyList<Row>> MeasureAsync(Plan plan, CancellationToken cancellation) =>
        Published.EachAsync(published => MeasureAsync(published, plan, cancellation));

    private static async Task<Row> MeasureAsync(Published published, Plan plan, CancellationToken cancellation)
    {
        var rounds = new List<PhysicalMemory>();
        for (var round = 0; round < plan.Repetitions; round++)
        {
            await using var mesh = await Mesh.StartAsync(new MeshOptions { PublishedServices = published.Folder }, cancellation);
            await Task.Delay(plan.IsSmoke ? TimeSpan.Zero : Settling, cancellation);
            rounds.Add(PhysicalMemory.Of([.. mesh.Services.Select(service => service.ProcessId!.Value)]));
        }

        double Own(int service) => Row.Median(rounds.Select(round => round.Own[service]));
        return new Row(
            $"idle memory of the three services, {published.Name}", $"{Targets.IdleMemory}",
            [.. rounds.Select(round => round.Total / Targets.IdleMemory.Value)], Targets.IdleMemory.Reach)
        {
            Figures = FormattableString.Invariant($"{Row.Median(rounds.Select(round => round.Total)):0} MB: identity service {Own(0):0}, ")
                + FormattableString.Invariant($"resource service {Own(1):0}, gateway {Own(2):0}, ")
                + FormattableString.Invariant($"shared by two or three {Row.Median(rounds.Select(round => round.Shared)):0}"),
        };
    }
}
