using System.Globalization;
using System.Text;

namespace AuthMesh.Bench.Comparison;

/// <summary>Formats rows for the screen and for a file.</summary>
internal static class Table
{
    /// <summary>The folder of the charts, beside the file with the tables.</summary>
    public const string ChartFolder = "charts";

    public static string ForPeople(IReadOnlyList<Row> rows)
    {
        var text = new StringBuilder();
        foreach (var row in rows)
        {
            text.Append(
                CultureInfo.InvariantCulture,
                $"  {row.Ratio,7:0.00}  {row.Reach,-14}{Verdict(row),-9}{row.Measure}, against {row.Against}").Append('\n');
            text.Append(CultureInfo.InvariantCulture, $"           by round {ByRound(row)}").Append('\n');
            foreach (var figure in row.Figures.Split(" | ", StringSplitOptions.RemoveEmptyEntries))
            {
                text.Append("           ").Append(figure).Append('\n');
            }
        }

        return text.ToString();
    }

    public static string ForReaders(IReadOnlyList<Section> sections, IReadOnlyList<string> failures, string machine)
    {
        var text = new StringBuilder("# Results of the last run\n\n").Append(machine).Append('\n');
        foreach (var (group, rows) in sections)
        {
            text.Append(
                CultureInfo.InvariantCulture, $"\n## {group.Title}\n\n![{group.Title}, as a chart]({ChartFolder}/{group.Name}.svg)\n\n");
            text.Append("| measure | against | ratio | by round | target | |\n| --- | --- | --- | --- | --- | --- |\n");
            foreach (var row in rows)
            {
                text.Append(
                    CultureInfo.InvariantCulture,
                    $"| {row.Measure} | {row.Against} | **{row.Ratio:0.00}** | {ByRound(row)} | {row.Reach} | {Verdict(row)} |\n");
            }

            text.Append("\nThe figures behind them:\n\n");
            foreach (var row in rows)
            {
                text.Append(
                    CultureInfo.InvariantCulture,
                    $"- {row.Measure}, against {row.Against}: {row.Figures.Replace(" | ", "; against ", StringComparison.Ordinal)}\n");
            }
        }

        if (failures.Count > 0)
        {
            text.Append("\nDid not run: ").AppendJoin(", ", failures).Append(".\n");
        }

        return text.ToString();
    }

    private static string ByRound(Row row) =>
        string.Join(' ', row.ByRound.Select(ratio => ratio.ToString("0.00", CultureInfo.InvariantCulture)));

    private static string Verdict(Row row) => row.Reach is Reach.Shown ? "" : row.Reach.IsMetBy(row.Ratio) ? "reached" : "missed";
}
