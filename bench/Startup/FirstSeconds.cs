using AuthMesh.Bench.Comparison;
using AuthMesh.Bench.Servers;
using AuthMesh.LocalMesh;
using AuthMesh.TestMesh;

namespace AuthMesh.Bench.Startup;

/// <summary>
/// Measures the throughput of a mesh in the first seconds after it is ready, against its later throughput under the same load.
/// </summary>
internal static class FirstSeconds
{
    private const int Shown = 15; // seconds from the first request
    private const int Quick = 5; // seconds after which full throughput is expected
    private const int Whole = 40;
    private const int Steady = 10; // seconds at the end of the load that count as steady

    public static Task<IReadOnlyList<Row>> MeasureAsync(Plan plan, CancellationToken cancellation) =>
        Published.EachAsync(published => TemporaryFolders.UseAsync(folder => MeasureAsync(published, folder, plan, cancellation)));

    private static async Task<Row> MeasureAsync(Published published, string folder, Plan plan, CancellationToken cancellation)
    {
        var (ratios, shares) = (new List<double>(), new List<List<double>>());
        for (var round = 0; round < plan.Repetitions; round++)
        {
            var seconds = await LoadAsync(published, plan.IsSmoke ? Quick + 1 : Whole, folder, cancellation);
            var steady = Row.Median(seconds.TakeLast(Math.Min(Steady, seconds.Count)).Select(count => (double)count));
            shares.Add([.. seconds.Take(Shown).Select(count => count / steady)]);
            ratios.Add(shares[^1].Skip(Quick).DefaultIfEmpty(shares[^1][^1]).Average());
        }

        var bySecond = Enumerable.Range(0, shares.Min(round => round.Count))
            .Select(second => Row.Median(shares.Select(round => round[second])));
        return new Row(
            $"GET /protected in the 6th to 15th second after the start, {published.Name}", "the same half a minute later", ratios,
            Targets.FirstSeconds)
        {
            Figures = "second by second " + string.Join(' ', bySecond.Select(share => FormattableString.Invariant($"{share:0.00}"))),
        };
    }

    /// <returns>The requests in each second, without the last, incomplete one.</returns>
    private static async Task<IReadOnlyList<long>> LoadAsync(
        Published published, int seconds, string folder, CancellationToken cancellation)
    {
        var data = Path.Combine(folder, "mesh");
        var options = InProduction.Options with { DataFolder = data, PublishedServices = published.Folder };
        SignedInUsers users;
        await using (var before = await Mesh.StartAsync(options, cancellation)) // sign-ins would warm up the measured mesh
        {
            users = await SignedInUsers.CreateAsync(before.Gateway.Address, 100);
        }

        var tokens = Path.Combine(folder, "tokens");
        await File.WriteAllLinesAsync(tokens, users.Tokens.Select(token => "Bearer " + token), cancellation);
        await using var mesh = await Mesh.StartAsync(options, cancellation);
        var load = await Wrk.RunAsync(
            new Uri(mesh.Gateway.Address, "/protected"), TimeSpan.FromSeconds(seconds + 1), ("Authorization", tokens));
        return [.. load.Seconds.Take(seconds)];
    }
}
