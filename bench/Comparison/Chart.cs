using System.Globalization;
using System.Xml.Linq;
using static AuthMesh.Bench.Drawing;

namespace AuthMesh.Bench.Comparison;

/// <summary>
/// Draws the rows of a section as an SVG: a bar for each alternative, its target as a line, and the lowest and highest round as a whisker.
/// The side of the target that reaches it is tinted, since more is better in some rows and less in others.
/// </summary>
internal static class Chart
{
    private const int Width = 800;
    private const int PlotStart = 296, PlotEnd = 588, RatioEnd = 634, TargetStart = 646; // columns
    private const int LabelLength = 35; // characters that fit into the first column, in the widest of the fonts
    private const int LineHeight = 16, LanePadding = 7, HeadingHeight = 30, BarHeight = 12, CapHeight = 7, Top = 100, AxisHeight = 32;

    private const string Explanation =
        "AuthMesh divided by the alternative, median of all rounds. A bar that ends in the tinted part reaches its target.";

    public static XDocument Draw(Section section)
    {
        var scale = new Scale(section.Rows);
        var (content, y, measure) = (new List<XElement>(), Top, "");
        foreach (var row in section.Rows)
        {
            if (row.Measure != measure)
            {
                measure = row.Measure;
                content.Add(Text(Margin, y + HeadingHeight - 8, "heading", char.ToUpperInvariant(measure[0]) + measure[1..]));
                y += HeadingHeight;
            }

            var label = Wrap($"against {row.Against}");
            var height = label.Count * LineHeight + 2 * LanePadding;
            content.AddRange(label.Select((line, i) => Text(Margin, y + LanePadding + i * LineHeight + 12, "", line)));
            content.AddRange(Lane(row, scale, y, height));
            y += height;
        }

        var end = y + AxisHeight;
        return Card(
            section.Group.Name, section.Group.Title, string.Join(' ', section.Rows.Select(Describe)), Width, end,
            [Text(Margin, 60, "quiet", Explanation), .. Legend(), .. content, .. Axis(scale, y + 16)]);
    }

    private static IEnumerable<XElement> Lane(Row row, Scale scale, int y, int height)
    {
        var (top, middle) = (y + 2, y + height / 2.0);
        yield return Rectangle(PlotStart, top, PlotEnd - PlotStart, height - 4, "lane");
        if (Bound(row.Reach) is { } bound)
        {
            var (from, to) = row.Reach is Reach.AtLeast ? (scale.At(bound), (double)PlotEnd) : (PlotStart, scale.At(bound));
            yield return Rectangle(from, top, to - from, height - 4, "zone");
        }

        foreach (var tick in scale.Ticks)
        {
            yield return Line(scale.At(tick), top, scale.At(tick), top + height - 4, "grid");
        }

        yield return Line(scale.At(1), top, scale.At(1), top + height - 4, "one");
        yield return Rectangle(PlotStart, middle - BarHeight / 2.0, scale.At(row.Ratio) - PlotStart, BarHeight, VerdictOf(row), 2);
        if (row.ByRound.Count > 1)
        {
            yield return Whisker(scale.At(row.ByRound.Min()), scale.At(row.ByRound.Max()), middle);
        }

        if (Bound(row.Reach) is { } target)
        {
            yield return Line(scale.At(target), top, scale.At(target), top + height - 4, "target");
        }

        yield return Text(RatioEnd, middle + 4.5, "ratio", Number(row.Ratio, "0.00"), "end");
        yield return Text(TargetStart, middle + 4.5, "quiet", TargetOf(row));
    }

    private static IEnumerable<XElement> Legend()
    {
        const int Y = 83;
        return
        [
            Rectangle(Margin, Y - 6, 22, BarHeight, "reached", 2), Text(Margin + 28, Y + 4, "quiet", "target reached"),
            Rectangle(162, Y - 6, 22, BarHeight, "missed", 2), Text(190, Y + 4, "quiet", "missed"),
            Rectangle(254, Y - 6, 22, BarHeight, "shown", 2), Text(282, Y + 4, "quiet", "no target"),
            Whisker(360, 386, Y), Text(393, Y + 4, "quiet", "lowest to highest round"),
            Line(562, Y - 9, 562, Y + 9, "target"), Text(570, Y + 4, "quiet", "target"),
            Line(632, Y - 9, 632, Y + 9, "one"), Text(640, Y + 4, "quiet", "1: equal"),
        ];
    }

    private static IEnumerable<XElement> Axis(Scale scale, double y) =>
        scale.Ticks.Select(tick => Text(scale.At(tick), y, "quiet", Number(tick, "0.##"), "middle"));

    private static XElement Whisker(double from, double to, double y)
    {
        var path = string.Create(
            CultureInfo.InvariantCulture,
            $"M{from:0.#} {y - CapHeight / 2.0}v{CapHeight}M{to:0.#} {y - CapHeight / 2.0}v{CapHeight}M{from:0.#} {y}H{to:0.#}");
        return new XElement(Svg + "path", Attributes(("class", "whisker"), ("d", path)));
    }

    private static List<string> Wrap(string text)
    {
        var lines = new List<string> { "" };
        foreach (var word in text.Split(' '))
        {
            if (lines[^1].Length > 0 && lines[^1].Length + 1 + word.Length > LabelLength)
            {
                lines.Add(word);
            }
            else
            {
                lines[^1] += lines[^1].Length > 0 ? " " + word : word;
            }
        }

        return lines;
    }

    private static string Describe(Row row) => string.Create(
        CultureInfo.InvariantCulture,
        $"{row.Measure}, against {row.Against}: {row.Ratio:0.00}, {TargetOf(row)}.");

    private static string TargetOf(Row row) => row.Reach is Reach.Shown ? "no target" : $"{row.Reach}, {VerdictOf(row)}";

    private static string VerdictOf(Row row) => row.Reach is Reach.Shown ? "shown" : row.Reach.IsMetBy(row.Ratio) ? "reached" : "missed";

    private static double? Bound(Reach reach) =>
        reach switch { Reach.AtLeast least => least.Bound, Reach.AtMost most => most.Bound, _ => null };

    /// <summary>The horizontal axis, from 0 to a little beyond the highest round and target.</summary>
    private sealed class Scale
    {
        private readonly double end;

        public Scale(IReadOnlyList<Row> rows)
        {
            var highest = rows.SelectMany(row => row.ByRound).Concat(rows.Select(row => Bound(row.Reach) ?? 1)).Append(1).Max();
            var step = ((double[])[0.25, 0.5, 1, 2, 5, 10, 20, 50]).FirstOrDefault(step => highest / step <= 5.5, highest / 5);
            end = highest * 1.04;
            Ticks = [.. Enumerable.Range(0, (int)(end / step) + 1).Select(tick => tick * step)];
        }

        public IReadOnlyList<double> Ticks { get; }

        public double At(double ratio) => PlotStart + Math.Clamp(ratio / end, 0, 1) * (PlotEnd - PlotStart);
    }
}
