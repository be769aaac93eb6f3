using System.Globalization;

namespace AuthMesh.Bench.Tokens;

/// <summary>The verdicts of the two verifiers.</summary>
internal sealed class DifferentialReport
{
    private const int Shown = 10;

    private readonly SortedDictionary<string, (long Shown, long Accepted, long FromMemory)> kinds = new(StringComparer.Ordinal);
    private int seed;

    public List<string> Disagreements { get; } = [];

    public IEnumerable<string> Kinds => kinds.Keys;

    public long FromMemory => kinds.Values.Sum(kind => kind.FromMemory);

    /// <summary>Whether the verifiers agreed and the cache answered at least once.</summary>
    public bool IsSound => Disagreements.Count == 0 && FromMemory > 0;

    public static DifferentialReport Merge(int seed, IEnumerable<DifferentialReport> parts)
    {
        var whole = new DifferentialReport { seed = seed };
        foreach (var part in parts)
        {
            whole.Disagreements.AddRange(part.Disagreements);
            foreach (var (kind, counts) in part.kinds)
            {
                whole.Add(kind, counts.Shown, counts.Accepted, counts.FromMemory);
            }
        }

        return whole;
    }

    public void Count(string kind, bool isAccepted, bool isFromMemory, string? disagreement)
    {
        Add(kind, 1, isAccepted ? 1 : 0, isFromMemory ? 1 : 0);
        if (disagreement is not null)
        {
            Disagreements.Add(disagreement);
        }
    }

    public void Print(TextWriter output)
    {
        output.WriteLine($"{"",-32}{"shown",12}{"accepted",12}{"from memory",14}");
        foreach (var (kind, counts) in kinds)
        {
            output.WriteLine(Line(kind, counts.Shown, counts.Accepted, counts.FromMemory));
        }

        output.WriteLine(Line("all", kinds.Values.Sum(kind => kind.Shown), kinds.Values.Sum(kind => kind.Accepted), FromMemory));
        foreach (var disagreement in Disagreements.Take(Shown))
        {
            output.WriteLine(disagreement);
        }

        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{Disagreements.Count} disagreements (seed {seed})"));
    }

    private static string Line(string kind, long shown, long accepted, long fromMemory) =>
        string.Create(CultureInfo.InvariantCulture, $"{kind,-32}{shown,12:N0}{accepted,12:N0}{fromMemory,14:N0}");

    private void Add(string kind, long shown, long accepted, long fromMemory)
    {
        var counts = kinds.GetValueOrDefault(kind);
        kinds[kind] = (counts.Shown + shown, counts.Accepted + accepted, counts.FromMemory + fromMemory);
    }
}
