using AuthMesh.Access;

namespace AuthMesh.Identity.Sessions;

/// <summary>The rules for the name and the scopes that somebody gives a key or an application.</summary>
internal static class NameAndScopes
{
    public const int LongestName = 64;

    public static void CheckName(string? name, Dictionary<string, string[]> faults)
    {
        if (name?.Trim() is not { Length: >= 1 and <= LongestName } trimmed || trimmed.Any(char.IsControl))
        {
            faults["name"] = [$"must be 1 to {LongestName} characters without control characters"];
        }
    }

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
