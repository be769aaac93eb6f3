using System.Globalization;
using System.Text;
using AuthMesh.Access;

namespace AuthMesh.Identity.Sessions;

/// <summary>The rules for the name and the scopes that somebody gives a key or an application.</summary>
internal static class NameAndScopes
{
    public const int LongestName = 64;

    private const int ZeroWidthNonJoiner = 0x200C, ZeroWidthJoiner = 0x200D;

    public static void CheckName(string? name, Dictionary<string, string[]> faults)
    {
        if (name?.Trim() is not { Length: >= 1 and <= LongestName } trimmed || !trimmed.EnumerateRunes().All(IsShown))
        {
            faults["name"] = [$"must be 1 to {LongestName} characters, none of them a control character or invisible"];
        }
    }

    // An invisible character makes two names look alike, or turns around the sentence in which a page shows the name (Unicode TR36
    // §2.10.2). Some scripts need two of them within words.
    private static bool IsShown(Rune character) =>
        character.Value is ZeroWidthNonJoiner or ZeroWidthJoiner
        || Rune.GetUnicodeCategory(character) is not (UnicodeCategory.Control or UnicodeCategory.Format
            or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator);

    /// <param name="scopes">What was given.</param>
    /// <param name="isAllowed">Whether a scope may be given.</param>
    /// <param name="rule">What is allowed, as the end of a sentence.</param>
    /// <param name="faults">Takes the fault.</param>
    public static void CheckScopes(
        IReadOnlyList<string?>? scopes, Predicate<string> isAllowed, string rule, Dictionary<string, string[]> faults)
    {
        if (scopes is not { Count: >= 1 and <= Scopes.Most })
        {
            faults["scopes"] = [$"must be 1 to {Scopes.Most} scopes"];
        }
        else if (!scopes.All(scope => scope is not null && isAllowed(scope)))
        {
            faults["scopes"] = [$"must be scopes, each of which {rule}"];
        }
        else if (scopes.Distinct(StringComparer.Ordinal).Count() != scopes.Count)
        {
            faults["scopes"] = ["must not repeat a scope"];
        }
    }
}
