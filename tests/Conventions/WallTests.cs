using System.Text.RegularExpressions;
using AuthMesh.Identity;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Conventions;

/// <summary>Folders of the identity service are walls: a folder uses only folders that stand below it in <see cref="Modules"/>.</summary>
public sealed partial class WallTests
{
    private static readonly string Root = Path.Combine(Checkout.Root, "identity-service");

    private static readonly List<string> TopToBottom = [.. Modules.All.Select(module => module.Name)];

    public static TheoryData<string> Folders => [.. TopToBottom];

    [Fact]
    public void The_folders_of_the_identity_service_are_its_modules() => Assert.Equal(
        TopToBottom.Order(StringComparer.Ordinal),
        Directory.GetDirectories(Root).Select(folder => Path.GetFileName(folder)!).Except(["bin", "obj"]).Order(StringComparer.Ordinal));

    [Theory]
    [MemberData(nameof(Folders))]
    public void A_folder_uses_only_folders_below_it(string folder)
    {
        var below = TopToBottom.SkipWhile(name => name != folder);
        var used = Sources(folder)
            .SelectMany(
                file => Mention().Matches(File.ReadAllText(file))
                .Select(match => (File: Path.GetFileName(file), Folder: match.Groups[1].Value)))
            .Distinct();

        Assert.All(used, use => Assert.True(below.Contains(use.Folder), $"{folder}/{use.File} uses {use.Folder}, which stands above it"));
    }

    // Types of the root namespace need no using line, so the test searches for their names. They know every module.
    [Theory]
    [MemberData(nameof(Folders))]
    public void A_folder_does_not_use_types_that_know_every_module(string folder) => Assert.All(
        Sources(folder),
        file => Assert.DoesNotMatch(@"(?<!// .*)\b(Modules\.\w|IdentityOptions\b|IdentityJson\b)", File.ReadAllText(file)));

    [Theory]
    [MemberData(nameof(Folders))]
    public void A_folders_README_says_what_it_owns_what_it_may_call_and_where_to_start(string folder)
    {
        var readme = File.ReadAllText(Path.Combine(Root, folder, "README.md"));

        Assert.StartsWith($"# {folder}\n", readme, StringComparison.Ordinal);
        Assert.Contains("\nOwns: ", readme, StringComparison.Ordinal);
        Assert.Contains("\nMay call: ", readme, StringComparison.Ordinal);
        Assert.Contains("\nStart reading: ", readme, StringComparison.Ordinal);
        var start = StartOfReading().Match(readme).Groups[1].Value;
        Assert.True(File.Exists(Path.Combine(Root, folder, start)), $"{folder}/README.md names {start}, which is not there");
    }

    // Generated migrations name the entities of every module as texts.
    private static IEnumerable<string> Sources(string folder) =>
        Directory.EnumerateFiles(Path.Combine(Root, folder), "*.cs", SearchOption.AllDirectories)
            .Where(file => !file.Contains("/Migrations/", StringComparison.Ordinal));

    [GeneratedRegex(@"\bAuthMesh\.Identity\.([A-Z]\w+)")]
    private static partial Regex Mention();

    [GeneratedRegex("Start reading: `([^`]+)`")]
    private static partial Regex StartOfReading();
}
