using System.Text.RegularExpressions;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Conventions.Documentation;

/// <summary>Every link target and every file that a page names exists.</summary>
public sealed partial class LinkTests
{
    private static readonly HashSet<string> Known =
        [.. SourceTree.Files.SelectMany(
            path => Enumerable.Range(1, path.Split('/').Length).Select(n => string.Join('/', path.Split('/')[..n])))];

    public static TheoryData<string> Pages => [.. SourceTree.Files.Where(path => path.EndsWith(".md", StringComparison.Ordinal))];

    [Theory]
    [MemberData(nameof(Pages))]
    public void Every_link_target_exists(string page)
    {
        foreach (Match link in Link().Matches(WithoutCode(SourceTree.Read(page))))
        {
            var (target, anchor) = link.Groups[1].Value.Split('#') is [var file, var heading] ? (file, heading)
                : (link.Groups[1].Value, "");
            var path = target.Length == 0 ? page : Path.GetRelativePath(
                Checkout.Root, Path.Combine(Checkout.Root, Path.GetDirectoryName(page)!, target)).Replace('\\', '/').TrimEnd('/');

            Assert.True(Known.Contains(path), $"{page} links to {target}, which does not exist.");
            Assert.True(
                anchor.Length == 0 || Anchors(path).Contains(anchor), $"{page} links to {target}#{anchor}, which has no such heading.");
        }
    }

    [Theory]
    [MemberData(nameof(Pages))]
    public void Every_file_that_a_page_names_exists(string page) => Assert.All(
        Named().Matches(SourceTree.Read(page)), name => Assert.Contains(name.Groups[1].Value.TrimEnd('/'), Known));

    [Fact]
    public void Every_page_that_the_code_names_exists() => Assert.All(
        SourceTree.Files.Where(path => Path.GetExtension(path) is ".cs" or ".props" or ".sh" or ".csproj" or ".yml" || path == "Dockerfile")
            .SelectMany(path => PageInCode().Matches(SourceTree.Read(path)).Select(match => match.Value)).Distinct(),
        page => Assert.Contains(page, Known));

    private static IEnumerable<string> Anchors(string page) => SourceTree.Read(page).Split('\n')
        .Where(line => line.StartsWith('#'))
        .Select(line => NotInAnchor().Replace(line.TrimStart('#').Trim().ToLowerInvariant(), "").Replace(' ', '-'));

    private static string WithoutCode(string text) => Fenced().Replace(text, "");

    [GeneratedRegex(@"\]\((?!https?:)([^)\s]+)\)")]
    private static partial Regex Link();

    [GeneratedRegex(
        @"`((?:gateway|identity-service|resource-service|service-defaults|client|local-mesh|samples|tests|test-mesh|bench|docs)"
        + @"/[\w./-]*)`")]
    private static partial Regex Named();

    [GeneratedRegex(@"docs/[a-z0-9/-]+\.md")]
    private static partial Regex PageInCode();

    [GeneratedRegex(@"[^\w\- ]")]
    private static partial Regex NotInAnchor();

    [GeneratedRegex("^```.*?^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Fenced();
}
