namespace AuthMesh.Identity.Passkeys;

/// <summary>How owners call their passkeys.</summary>
internal static class PasskeyName
{
    /// <returns>What is wrong with a name, or null.</returns>
    public static string? FindFault(string name) =>
        Read(name) is { Length: >= 1 and <= PasskeyMapping.MaximumNameLength } text && !text.Any(char.IsControl)
            ? null : "must be 1 to 64 characters without control characters";

    /// <returns>The name without white space around it.</returns>
    public static string? Read(string? name) => name?.Trim();
}
