using System.Globalization;

namespace AuthMesh.Bench.Comparison;

/// <summary>One line of the table: AuthMesh compared with an alternative, measured in the same run.</summary>
/// <param name="Measure">The measured quantity.</param>
/// <param name="Against">The alternative.</param>
/// <param name="ByRound">AuthMesh's value divided by the alternative's, in each round; a temporary slowdown affects both.</param>
/// <param name="Reach">The target.</param>
internal sealed record Row(string Measure, string Against, IReadOnlyList<double> ByRound, Reach Reach)
{
    /// <summary>The figures behind the ratio, with units, for people.</summary>
    public string Figures { get; init; } = "";

    public double Ratio => Median(ByRound);

    public static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToList();
        return (sorted[sorted.Count / 2] + sorted[(sorted.Count - 1) / 2]) / 2;
    }
}

/// <summary>The target of a ratio.</summary>
internal abstract record Reach
{
    public abstract bool IsMetBy(double ratio);

    /// <summary>More is better.</summary>
    public sealed record AtLeast(double Bound) : Reach
    {
        public override bool IsMetBy(double ratio) => ratio >= Bound;

        public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"at least {Bound:0.##}");
    }

    /// <summary>Less is better.</summary>
    public sealed record AtMost(double Bound) : Reach
    {
        public override bool IsMetBy(double ratio) => ratio <= Bound;

        public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"at most {Bound:0.##}");
    }

    /// <summary>No target; the ratio is only shown.</summary>
    public sealed record Shown : Reach
    {
        public override bool IsMetBy(double ratio) => true;

        public override string ToString() => "shown";
    }
}
