using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Conventions.Documentation;

/// <summary>A page of the documentation, with its tables parsed.</summary>
internal sealed class Page(string path)
{
    private readonly string[] lines = File.ReadAllLines(Path.Combine(Checkout.Root, path));

    /// <summary>The rows of every table whose first column has this title, without the title row.</summary>
    public IReadOnlyList<IReadOnlyList<string>> Rows(Func<string, bool> isTitle)
    {
        var rows = new List<IReadOnlyList<string>>();
        for (var i = 0; i < lines.Length; i++)
        {
            if (!lines[i].StartsWith('|') || (i > 0 && lines[i - 1].StartsWith('|')) || !isTitle(Cells(lines[i])[0]))
            {
                continue;
            }

            for (i += 2; i < lines.Length && lines[i].StartsWith('|'); i++)
            {
                rows.Add(Cells(lines[i]));
            }
        }

        return rows;
    }

    public IReadOnlyList<IReadOnlyList<string>> Rows(string title) => Rows(first => first == title);

    /// <summary>The texts between backticks.</summary>
    public static IReadOnlyList<string> Code(string cell) => [.. cell.Split('`').Where((_, index) => index % 2 == 1)];

    private static List<string> Cells(string line) =>
        [.. line.Trim().Trim('|').Replace("\\|", "\0", StringComparison.Ordinal).Split('|').Select(cell => cell.Replace('\0', '|').Trim())];
}
