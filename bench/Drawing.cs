using System.Globalization;
using System.Xml.Linq;

namespace AuthMesh.Bench;

/// <summary>The parts of an SVG in the common look of all charts, in light and dark.</summary>
internal static class Drawing
{
    /// <summary>The space beside the title and everything else.</summary>
    public const int Margin = 24;

    /// <summary>The namespace of the elements.</summary>
    public static readonly XNamespace Svg = "http://www.w3.org/2000/svg";

    // The card has its own background, so that its text is readable on a page whose colours differ from the system's.
    private const string Style =
        """
        svg { font: 13px system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
          --card: #ffffff; --edge: #d1d9e0; --ink: #1f2328; --quiet: #59636e; --lane: #f3f5f7; --zone: #dcefe3; --grid: #d9dfe4;
          --reached: #2c8a5b; --missed: #d9822b; --shown: #8a949e; }
        @media (prefers-color-scheme: dark) { svg {
          --card: #0d1117; --edge: #30363d; --ink: #e6edf3; --quiet: #9198a1; --lane: #171c23; --zone: #14321f; --grid: #2a313a;
          --reached: #3da56f; --missed: #dd8a3c; --shown: #6e7781; } }
        text { fill: var(--ink); } .quiet { fill: var(--quiet); font-size: 12px; } .heading { font-weight: 600; }
        .title { font-size: 18px; font-weight: 600; } .ratio { font-weight: 700; font-variant-numeric: tabular-nums; }
        .card { fill: var(--card); stroke: var(--edge); } .lane { fill: var(--lane); } .zone { fill: var(--zone); }
        .grid { stroke: var(--grid); } .one { stroke: var(--quiet); stroke-dasharray: 2 3; }
        .reached { fill: var(--reached); } .missed { fill: var(--missed); } .shown { fill: var(--shown); }
        .target { stroke: var(--ink); stroke-width: 2.5; } .whisker { fill: none; stroke: var(--ink); stroke-width: 1.25; }
        """;

    /// <summary>A whole chart on its card.</summary>
    /// <param name="name">Distinguishes its ids from those of other charts on a page.</param>
    /// <param name="title">The heading.</param>
    /// <param name="description">The content in words, for those who do not see it.</param>
    /// <param name="width">In pixels, as <paramref name="height"/>.</param>
    /// <param name="height">In pixels.</param>
    /// <param name="content">Everything below the title.</param>
    public static XDocument Card(
        string name, string title, string description, double width, double height, IEnumerable<XElement> content) => new(new XElement(
            Svg + "svg",
            Attributes(
                ("viewBox", $"0 0 {Number(width, "0")} {Number(height, "0")}"), ("width", width), ("height", height), ("role", "img"),
                ("aria-labelledby", $"{name}-title {name}-description")),
            new XElement(Svg + "title", new XAttribute("id", $"{name}-title"), title),
            new XElement(Svg + "desc", new XAttribute("id", $"{name}-description"), description),
            new XElement(Svg + "style", Style),
            Rectangle(0.5, 0.5, width - 1, height - 1, "card", 8),
            Text(Margin, 38, "title", title),
            content));

    public static XElement Rectangle(double x, double y, double width, double height, string style, double corner = 0) => new(
        Svg + "rect", Attributes(("class", style), ("x", x), ("y", y), ("width", Math.Max(0, width)), ("height", height), ("rx", corner)));

    public static XElement Line(double x1, double y1, double x2, double y2, string style) =>
        new(Svg + "line", Attributes(("class", style), ("x1", x1), ("y1", y1), ("x2", x2), ("y2", y2)));

    public static XElement Text(double x, double y, string style, string text, string anchor = "start") =>
        new(Svg + "text", Attributes(("class", style), ("x", x), ("y", y), ("text-anchor", anchor)), text);

    public static IEnumerable<XAttribute> Attributes(params (string Name, object Value)[] attributes) => attributes.Select(
        attribute => new XAttribute(attribute.Name, attribute.Value is double number ? Number(number, "0.##") : attribute.Value));

    public static string Number(double number, string format) => number.ToString(format, CultureInfo.InvariantCulture);
}
