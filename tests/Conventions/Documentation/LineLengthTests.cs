namespace AuthMesh.Tests.Conventions.Documentation;

/// <summary>Lines end at 140 columns, so that two files fit beside each other.</summary>
public sealed class LineLengthTests
{
    private const int Longest = 140;

    [Fact]
    public void No_line_is_longer_than_140_columns() => Assert.Empty(SourceTree.Files.Where(IsWrapped).SelectMany(LongLines));

    private static bool IsWrapped(string path) =>
        Path.GetExtension(path) is ".cs" or ".md" or ".sh" or ".yml"
        && !SourceTree.IsMigration(path) && path != "bench/results.md"; // generated files

    private static IEnumerable<string> LongLines(string path)
    {
        var isPage = path.EndsWith(".md", StringComparison.Ordinal);
        var isFenced = false;
        foreach (var (number, line) in SourceTree.Read(path).Split('\n').Index())
        {
            isFenced ^= isPage && line.StartsWith("```", StringComparison.Ordinal);
            // A table has no line breaks, and a fence may show what a program prints.
            if (line.Length > Longest && !(isPage && (isFenced || line.StartsWith('|'))))
            {
                yield return $"{path}:{number + 1} has {line.Length} columns";
            }
        }
    }
}
