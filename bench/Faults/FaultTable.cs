using System.Globalization;
using System.Text;
using AuthMesh.Bench.Comparison;

namespace AuthMesh.Bench.Faults;

/// <summary>The outcomes as text.</summary>
internal static class FaultTable
{
    public static string Describe(Outcome outcome)
    {
        var (fault, writes, accepted) = (outcome.Fault.Name, outcome.Ledger.Acknowledged, outcome.Accepted);
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{fault}: {outcome.Attempts.Count:N0} requests, failed: {Failures(outcome)}. {outcome.Lost} of {writes:N0} acknowledged "
            + $"writes lost, {accepted} ended tokens accepted. Recovery: {Recovery(outcome)}.");
    }

    public static string ForReaders(IReadOnlyList<Outcome> outcomes, IReadOnlyList<string> others)
    {
        var text = new StringBuilder("# Faults under load\n\n").Append(Machine.Describe()).Append("\n\n");
        text.Append(
            """
            `bench/faults.sh` writes this page. Each fault meets a fresh mesh under load: six callers of `GET /protected`, two that
            register, one that changes passwords, one that signs in and out. Each request is sent once, without a retry.
            [README.md](README.md#faults) explains the columns.

            | fault | requests | failed | acknowledged writes lost | ended tokens accepted | recovered after | |
            | --- | --- | --- | --- | --- | --- | --- |

            """);
        foreach (var outcome in outcomes)
        {
            var (fault, writes) = (outcome.Fault, outcome.Ledger.Acknowledged);
            text.Append(
                CultureInfo.InvariantCulture,
                $"| {fault.Name} | {outcome.Attempts.Count:N0} | {Failures(outcome)} | {outcome.Lost} of {writes:N0} | ");
            text.Append(
                CultureInfo.InvariantCulture,
                $"{outcome.Accepted}{Longest(outcome)} | {Recovery(outcome)} | [chart]({Table.ChartFolder}/fault-{fault.Slug}.svg) |\n");
        }

        return others.Count == 0 ? text.ToString() : text.Append('\n').AppendJoin('\n', others).Append('\n').ToString();
    }

    private static string Failures(Outcome outcome) => outcome.Failures.Select(
        failure => string.Create(CultureInfo.InvariantCulture, $"{failure.Count:N0} × {failure.Result}")).DefaultIfEmpty("none")
        .Aggregate((all, next) => $"{all}, {next}");

    private static string Longest(Outcome outcome) => outcome.Ledger.LongestAccepted < TimeSpan.FromSeconds(1) ? "" : string.Create(
        CultureInfo.InvariantCulture, $" (the longest for {outcome.Ledger.LongestAccepted.TotalSeconds:0.0} s, within the promise)");

    private static string Recovery(Outcome outcome) => outcome.RecoversIn == TimeSpan.MaxValue ? "**not within a minute**"
        : outcome.Failures.Any() ? string.Create(CultureInfo.InvariantCulture, $"{outcome.RecoversIn.TotalSeconds:0.0} s")
        : "nothing failed";
}
