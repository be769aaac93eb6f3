using System.Text.RegularExpressions;

namespace AuthMesh.OpenApi;

/// <summary>What docs/api.md says of an endpoint.</summary>
/// <param name="Place">Its row.</param>
/// <param name="Group">The title of its table.</param>
/// <param name="Text">The words that describe the endpoint.</param>
internal sealed record Described(int Place, string Group, string Text)
{
    /// <summary>The first clause.</summary>
    public string Summary => ApiPage.FirstClause().Match(Text).Value.Replace("`", "", StringComparison.Ordinal).TrimEnd();
}

/// <summary>The tables of docs/api.md say in words what each endpoint does, so the documents repeat them.</summary>
internal static partial class ApiPage
{
    private static readonly Lazy<IReadOnlyDictionary<string, Described>> Rows = new(Read);

    /// <param name="endpoint">The method and the path: <c>GET /account/keys</c>.</param>
    public static Described Find(string endpoint) => Rows.Value.GetValueOrDefault(endpoint)
        ?? throw new InvalidOperationException($"docs/api.md says nothing of {endpoint}");

    /// <summary>The text of a cell without the targets of its links, which lie in the repository.</summary>
    public static string WithoutLinks(string text) => Link().Replace(text, "${label}");

    private static Dictionary<string, Described> Read()
    {
        var rows = new Dictionary<string, Described>();
        var group = "";
        foreach (var line in File.ReadLines(Path.Combine(Repository.Root, "docs/api.md")))
        {
            if (Title().Match(line) is { Success: true } title)
            {
                group = UpperFirst(title.Groups["group"].Value);
            }
            else if (Row().Match(line) is { Success: true } row)
            {
                var text = WithoutLinks(row.Groups["text"].Value.Replace("\\|", "|", StringComparison.Ordinal));
                rows[row.Groups["endpoint"].Value] = new(rows.Count, group, UpperFirst(text));
            }
        }

        return rows;
    }

    private static string UpperFirst(string text) => char.ToUpperInvariant(text[0]) + text[1..];

    [GeneratedRegex(@"^\| (?<group>for [^|]*?) *\| *\|$")]
    private static partial Regex Title();

    [GeneratedRegex(@"^\| `(?<endpoint>[A-Z]+ /[^`]*)` \| (?<text>.*) \|$")]
    private static partial Regex Row();

    [GeneratedRegex(@"\[(?<label>[^\]]*)\]\([^)]*\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"^([^.:;(]|\.(?! ))+")]
    internal static partial Regex FirstClause();
}
