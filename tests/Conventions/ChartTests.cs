using System.Globalization;
using System.Xml.Linq;
using AuthMesh.Bench.Comparison;

namespace AuthMesh.Tests.Conventions;

/// <summary>The charts of the benchmarks' results, which no measurement is needed to draw.</summary>
public sealed class ChartTests
{
    private static readonly XNamespace Svg = "http://www.w3.org/2000/svg";

    private static readonly Section Sample = new(
        new Group("sample", "Requests & <answers>", []),
        [
            new Row("requests", "nginx & co", [0.4, 0.5, 0.8], new Reach.AtLeast(0.45)),
            new Row("requests", "an alternative whose name is so long that it needs a second line", [1, 3], new Reach.AtMost(1)),
            new Row("bytes", "\"4,500 bytes\"", [1.5], new Reach.Shown()),
        ]);

    [Fact]
    public void A_chart_is_well_formed_and_names_each_ratio_in_words()
    {
        var root = XDocument.Parse(Chart.Draw(Sample).ToString()).Root!;

        Assert.Equal(Svg + "svg", root.Name);
        Assert.Equal("Requests & <answers>", root.Element(Svg + "title")!.Value);
        Assert.StartsWith(
            "requests, against nginx & co: 0.50, at least 0.45, reached.", root.Element(Svg + "desc")!.Value, StringComparison.Ordinal);
        Assert.All(
            root.Attribute("aria-labelledby")!.Value.Split(' '),
            id => Assert.Single(root.Elements(), element => element.Attribute("id")?.Value == id));
    }

    [Fact]
    public void A_bar_ends_where_its_ratio_lies_between_its_whiskers_and_says_whether_it_reaches_the_target()
    {
        var root = Chart.Draw(Sample).Root!;

        var bars = Rectangles("reached").Concat(Rectangles("missed")).Concat(Rectangles("shown")).ToList();
        Assert.Equal([0.5, 2, 1.5], bars.Select(bar => Math.Round(bar.Width / bars[0].Width * 0.5, 2)));
        Assert.Equal(["M", "M"], Whiskers().Select(path => path[..1]));
        var (lowest, highest) = Ends(Whiskers().First());
        Assert.InRange(bars[0].X + bars[0].Width, lowest + 1, highest - 1);
        Assert.Equal(2, Lines("target").Count());

        // The legend, which comes before the rows, shows one of each kind.
        IEnumerable<(double X, double Width)> Rectangles(string style) => root.Elements(Svg + "rect")
            .Where(rectangle => rectangle.Attribute("class")!.Value == style).Skip(1)
            .Select(rectangle => (Figure(rectangle, "x"), Figure(rectangle, "width")));
        IEnumerable<XElement> Lines(string style) =>
            root.Elements(Svg + "line").Where(line => line.Attribute("class")!.Value == style).Skip(1);
        IEnumerable<string> Whiskers() => root.Elements(Svg + "path").Skip(1).Select(path => path.Attribute("d")!.Value);
    }

    [Fact]
    public void No_text_leaves_the_picture()
    {
        var root = Chart.Draw(Sample).Root!;
        var (width, height) = (Figure(root, "width"), Figure(root, "height"));

        Assert.All(root.Elements(Svg + "text"), text =>
        {
            Assert.InRange(Figure(text, "x"), 0, width);
            Assert.InRange(Figure(text, "y"), 0, height);
        });
        var texts = string.Join(' ', root.Elements(Svg + "text").Select(text => text.Value));
        Assert.Contains("an alternative whose name is so long that it needs a second line", texts, StringComparison.Ordinal);
    }

    private static double Figure(XElement element, string name) =>
        double.Parse(element.Attribute(name)!.Value, CultureInfo.InvariantCulture);

    // The path begins with the cap at its lower end: M12.5 100v7M…
    private static (double Lowest, double Highest) Ends(string path)
    {
        var starts = path.Split('M', StringSplitOptions.RemoveEmptyEntries)
            .Select(part => double.Parse(part.Split(' ')[0], CultureInfo.InvariantCulture)).ToList();
        return (starts[0], starts[1]);
    }
}
