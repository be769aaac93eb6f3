using AuthMesh.Bench.Flood;
using AuthMesh.Bench.Growth;
using AuthMesh.Bench.OpenId;
using AuthMesh.Bench.Pages;
using AuthMesh.Bench.Passwords;
using AuthMesh.Bench.Protected;
using AuthMesh.Bench.Revocations;
using AuthMesh.Bench.Sessions;
using AuthMesh.Bench.Startup;
using AuthMesh.Bench.Tokens;

namespace AuthMesh.Bench.Comparison;

/// <summary>One benchmark of the comparison.</summary>
/// <param name="Name">For <c>--only</c>.</param>
/// <param name="Rows">The number of its rows.</param>
/// <param name="Expected">Roughly how many seconds it takes, for the progress on the screen.</param>
/// <param name="MeasureAsync">Measures its rows.</param>
internal sealed record Benchmark(
    string Name, int Rows, Func<Plan, double> Expected, Func<Plan, CancellationToken, Task<IReadOnlyList<Row>>> MeasureAsync);

/// <summary>Benchmarks that share a section of the results, with a table and a chart.</summary>
/// <param name="Name">The name of the chart's file.</param>
/// <param name="Title">For readers.</param>
/// <param name="Benchmarks">In the order in which they run.</param>
internal sealed record Group(string Name, string Title, IReadOnlyList<Benchmark> Benchmarks)
{
    private static readonly int Forms = Published.All.Count;

    public static IReadOnlyList<Group> All { get; } =
    [
        new("throughput", "Guarded requests: throughput",
            [new("protected", 9, plan => 30 + 12 * SecondsOf(plan), ProtectedRates.MeasureAsync)]),
        new("cost", "Guarded requests: the cost of one",
        [
            new("bytes", 2, plan => 15 + (plan.IsSmoke ? 2 : 14 * (plan.Rounds + 1)), RequestBytes.MeasureAsync),
            new("lone-caller", 1, plan => 15 + 2 * SecondsOf(plan), LoneCaller.MeasureAsync),
            new("first-sight", 1, plan => 2 * (plan.Rounds + 1), FirstSight.MeasureAsync),
        ]),
        new("accounts", "Refreshes, codes, logins and hashes",
        [
            new("refresh", 1, plan => 15 + plan.WarmUp.TotalSeconds + 14 * plan.Rounds, RefreshRate.MeasureAsync),
            new("code", 1, plan => 15 + plan.WarmUp.TotalSeconds + 11 * plan.Rounds, CodeRate.MeasureAsync),
            new("login", 1, plan => 8 + (plan.IsSmoke ? 6 : 18 * plan.Rounds), LoginRate.MeasureAsync),
            new("hash", 1, plan => plan.Rounds, HashTime.MeasureAsync),
        ]),
        new("delays", "Pages and revocations: the slowest of a hundred",
        [
            new("pages", 2, plan => 8 + 2 * SecondsOf(plan), FirstByte.MeasureAsync),
            new("revocation", 1, plan => plan.IsSmoke ? 12 : 120, RevocationDelay.MeasureAsync),
        ]),
        new("start", "Start and memory",
        [
            new("start", Forms, plan => Forms * 7 * (plan.Rounds + 1), StartTime.MeasureAsync),
            new("first-seconds", Forms, plan => Forms * plan.Repetitions * (plan.IsSmoke ? 20 : 55), FirstSeconds.MeasureAsync),
            new("memory", Forms, plan => Forms * plan.Repetitions * (plan.IsSmoke ? 6 : 26), IdleMemory.MeasureAsync),
        ]),
        new("growth", "Growth", [new("growth", 3, plan => plan.IsSmoke ? 40 : 320, GrowthTimes.MeasureAsync)]),
    ];

    // For how long each contender is under load.
    private static double SecondsOf(Plan plan) => (plan.WarmUp + plan.Rounds * plan.Turn).TotalSeconds;
}

/// <summary>What a group's benchmarks measured.</summary>
internal sealed record Section(Group Group, IReadOnlyList<Row> Rows);
