using System.Text.RegularExpressions;

namespace AuthMesh.OpenApi;

/// <summary>The table of docs/errors.md: every error of the mesh.</summary>
internal static partial class ErrorsPage
{
    private static readonly Lazy<IReadOnlyList<(int Status, string Code, string When)>> Rows = new(() =>
    [
        .. from line in File.ReadLines(Path.Combine(Repository.Root, "docs/errors.md"))
               .TakeWhile(line => line != "## Codes between services")
           let row = Row().Match(line)
           where row.Success
           select (int.Parse(row.Groups["status"].ValueSpan), row.Groups["code"].Value, ApiPage.WithoutLinks(row.Groups["when"].Value)),
    ]);

    /// <summary>The codes of a status, with when they come.</summary>
    public static IEnumerable<(string Code, string When)> Of(int status) =>
        Rows.Value.Where(row => row.Status == status).Select(row => (row.Code, row.When)).Distinct();

    public static string WhenOf(int status, string code) => Of(status).First(row => row.Code == code).When;

    [GeneratedRegex(@"^\| (?<status>\d{3}) \| `(?<code>[a-z_]+)` \| .* \| (?<when>[^|]*) \|$")]
    private static partial Regex Row();
}
