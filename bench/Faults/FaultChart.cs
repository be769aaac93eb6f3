using System.Globalization;
using System.Text;
using System.Xml.Linq;
using static AuthMesh.Bench.Drawing;

namespace AuthMesh.Bench.Faults;

/// <summary>Draws one fault: answers that succeed above the line, failures below it, and the time of the fault tinted.</summary>
internal static class FaultChart
{
    private const int Width = 800, PlotTop = 92, HalfHeight = 70, Middle = PlotTop + HalfHeight, PlotBottom = PlotTop + 2 * HalfHeight;
    private const double PlotStart = Margin + 32, PlotEnd = Width - Margin;
    private static readonly TimeSpan Fine = TimeSpan.FromMilliseconds(100), Coarse = TimeSpan.FromSeconds(1);

    public static XDocument Draw(Outcome outcome)
    {
        var end = outcome.Attempts.Max(attempt => attempt.Answered);
        var piece = end > TimeSpan.FromMinutes(1) ? Coarse : Fine;
        var unit = piece == Fine ? "100 ms" : "second";
        var pieces = (int)(end / piece) + 1;
        var (successes, failures) = (new int[pieces], new int[pieces]);
        foreach (var attempt in outcome.Attempts)
        {
            (attempt.HasFailed ? failures : successes)[(int)(attempt.Answered / piece)]++;
        }

        var highest = Math.Max(1, Math.Max(successes.Max(), failures.Max()));
        var (from, until) = (At(outcome.Began), At(outcome.Repaired));
        return Card(
            outcome.Fault.Slug, outcome.Fault.Name, FaultTable.Describe(outcome), Width, PlotBottom + 34,
            [
                Text(Margin, 62, "quiet", $"Answers per {unit}: successes above the line, failures below it"),
                Rectangle(from, PlotTop - 6, Math.Max(0, until - from), 2 * HalfHeight + 12, "lane"),
                Area(successes, -1, "reached"), Area(failures, 1, "missed"),
                Line(PlotStart, Middle, PlotEnd, Middle, "grid"),
                Line(from, PlotTop - 6, from, PlotBottom + 6, "target"),
                Text(from + 4, PlotTop - 10, "quiet", until > from ? "fault" : "fault, no repair from outside"),
                .. until > from ? [Line(until, PlotTop - 6, until, PlotBottom + 6, "one"), Text(until + 4, PlotTop - 10, "quiet", "repair")]
                    : Array.Empty<XElement>(),
                Text(PlotStart - 6, PlotTop + 10, "quiet", Number(highest, "0"), "end"),
                Text(PlotStart - 6, PlotBottom, "quiet", Number(highest, "0"), "end"),
                .. Seconds(),
            ]);

        double At(TimeSpan time) => PlotStart + time / end * (PlotEnd - PlotStart);

        XElement Area(int[] counts, int direction, string style)
        {
            var path = new StringBuilder(FormattableString.Invariant($"M{PlotStart:0.##} {Middle}"));
            for (var i = 0; i < counts.Length; i++)
            {
                var right = Math.Min(PlotEnd, At((i + 1) * piece));
                var height = Middle + direction * HalfHeight * counts[i] / (double)highest;
                path.Append(CultureInfo.InvariantCulture, $"V{height:0.#}H{right:0.#}");
            }

            path.Append(CultureInfo.InvariantCulture, $"V{Middle}Z");
            return new XElement(Svg + "path", Attributes(("class", style), ("d", path)));
        }

        IEnumerable<XElement> Seconds()
        {
            var step = end > TimeSpan.FromMinutes(1) ? TimeSpan.FromMinutes(1) : TimeSpan.FromSeconds(5);
            for (var time = TimeSpan.Zero; time < end; time += step)
            {
                yield return Text(At(time), PlotBottom + 22, "quiet", $"{Number(time.TotalSeconds, "0")} s", "middle");
            }
        }
    }
}
