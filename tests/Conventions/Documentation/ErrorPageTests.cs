using System.Text.RegularExpressions;
using AuthMesh.Errors;

namespace AuthMesh.Tests.Conventions.Documentation;

/// <summary>docs/errors.md lists every error that the services can answer with, and no other.</summary>
public sealed partial class ErrorPageTests
{
    private static readonly (int Status, string Code, string Message)[] InCode =
        [.. FromStatuses().Concat(SourceTree.ServiceCode.SelectMany(file => FromSource(file.Text))).Distinct()];

    private static readonly (int Status, string Code, string Message)[] InPage = [.. FromPage()];

    [Fact]
    public void The_page_lists_each_error_code_with_its_statuses() => Assert.Equal(
        InCode.Select(error => $"{error.Status} {error.Code}").Distinct().Order(StringComparer.Ordinal),
        InPage.Select(error => $"{error.Status} {error.Code}").Distinct().Order(StringComparer.Ordinal));

    [Fact]
    public void The_page_lists_each_message_under_its_code() => Assert.Equal(
        InCode.Select(error => $"{error.Code}: {error.Message}").Distinct().Order(StringComparer.Ordinal),
        InPage.Select(error => $"{error.Code}: {error.Message}").Distinct().Order(StringComparer.Ordinal));

    /// <summary>
    /// The codes that tests expect on the wire are a second source: the scan of the code may miss a new way to make an error.
    /// </summary>
    [Fact]
    public void The_page_lists_every_code_that_a_test_expects()
    {
        var expected = SourceTree.Files.Where(
            path => path.StartsWith("tests/", StringComparison.Ordinal) && path.EndsWith(".cs", StringComparison.Ordinal))
            .SelectMany(path => Asserted().Matches(SourceTree.Read(path)))
            .Select(match => $"{match.Groups["status"].Value} {match.Groups["code"].Value}").Distinct().ToList();

        Assert.NotEmpty(expected);
        Assert.Empty(expected.Except(InPage.Select(error => $"{error.Status} {error.Code}")));
    }

    private static IEnumerable<(int, string, string)> FromStatuses() =>
        new[] { 400, 401, 403, 404, 405, 408, 413, 415, 429, 500, 501, 502, 503, 504 }.Select(CommonFailures.FromStatus)
            .Select(failure => (failure.Status, failure.Code, failure.Message));

    private static IEnumerable<(int, string, string)> FromSource(string text)
    {
        foreach (Match match in Constructed().Matches(text))
        {
            yield return (int.Parse(match.Groups["status"].ValueSpan), match.Groups["code"].Value, Message(match));
        }

        foreach (var match in Unavailable().Matches(text).Concat(Named().Matches(text)))
        {
            yield return match.Groups["way"].Value switch
            {
                "Unavailable" => (503, match.Groups["code"].Value, Message(match)),
                "TooManyRequests" => (429, "too_many_requests", Message(match)),
                "Forbidden" or "InsufficientRole" => (403, "forbidden", Message(match)),
                _ => (400, "invalid_request", Message(match)),
            };
        }
    }

    private static IEnumerable<(int, string, string)> FromPage() =>
        from row in new Page("docs/errors.md").Rows("status")
        where row.Count == 4 && row[0] != "any other"
        from message in row[2].Split("<br>")
        where !message.StartsWith("or ", StringComparison.Ordinal) // a message about a field
        select (int.Parse(row[0]), Page.Code(row[1]).Single(), message);

    // Text that depends on the request is "…" in the page.
    private static string Message(Match match) =>
        Hole().Replace(match.Groups["message"].Value, "…") + (match.Groups["more"].Success ? "…" : "");

    [GeneratedRegex(
        """new( Failure)?\(\s*(StatusCodes\.Status)?(?<status>\d{3})\w*,\s*"(?<code>[a-z_]+)",\s*\$?"(?<message>[^"]*)"(?<more>\s*\+)?""")]
    private static partial Regex Constructed();

    [GeneratedRegex("""(?<way>Unavailable)\(\s*"(?<code>[a-z_]+)",\s*\$?"(?<message>[^"]*)"(?<more>\s*\+)?""")]
    private static partial Regex Unavailable();

    [GeneratedRegex("""(?<way>TooManyRequests|Forbidden|InsufficientRole|InvalidRequest)\(\s*\$?"(?<message>[^"]*)"(?<more>\s*\+)?""")]
    private static partial Regex Named();

    [GeneratedRegex("""AssertError\(\s*(?<status>\d{3}),\s*"(?<code>[a-z_]+)"|(?<status>401), "(?<code>invalid_session)""")]
    private static partial Regex Asserted();

    [GeneratedRegex(@"\{[^}]*\}")]
    private static partial Regex Hole();
}
