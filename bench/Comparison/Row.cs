using System.Globalization;

namespace AuthMesh.Bench.Comparison;

/// <summary>One line of the table: how we compare with something else, measured in the same run.</summary>
/// <param name="Measure">What was measured.</param>
/// <param name="Against">What it was compared with.</param>
/// <param name="ByRound">Ours divided by the other's, in each round; what slows the machine down for a while slows both.</param>
/// <param name="Reach">What we mean to reach.</param>
internal sealed record Row(string Measure, string Against, IReadOnlyList<double> ByRound, Reach Reach)
{
    /// <summary>The figures behind the ratio with their units, as a person wants to see them.</summary>
    public string Figures { get; init; } = "";

    public double Ratio => Median(ByRound);

    public static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToList();
        return (sorted[sorted.Count / 2] + sorted[(sorted.Count - 1) / 2]) / 2;
    }
}

/// <summary>The bound of a ratio.</summary>
internal abstract record Reach
{
    public abstract bool IsMetBy(double ratio);

    /// <summary>Where more is better.</summary>
    public sealed record AtLeast(double Bound) : Reach
    {
        public override bool IsMetBy(double ratio) => ratio >= Bound;

        public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"at least {Bound:0.##}");
    }

    /// <summary>Where less is better.</summary>
    public sealed record AtMost(double Bound) : Reach
    {
        public override bool IsMetBy(double ratio) => ratio <= Bound;

        public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"at most {Bound:0.##}");
    }

    /// <summary>Where nothing is promised.</summary>
    public sealed record Shown : Reach
    {
        public override bool IsMetBy(double ratio) => true;

        public override string ToString() => "shown";
    }
}
