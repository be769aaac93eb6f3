using Microsoft.Extensions.Primitives;

namespace AuthMesh.Identity.Pages.Frame;

/// <summary>Where a page leads afterwards. Only places of this origin, so that no link of ours leads a person to another site.</summary>
internal static class ReturnPath
{
    private const int Longest = 500;

    /// <returns>The path with its query, or null unless a browser takes the text for a path of this origin.</returns>
    public static string? TryParse(StringValues values) =>
        values is [{ Length: > 0 and <= Longest } path] && path[0] == '/'
        // "//host" and "/\host" name another host (WHATWG URL, "special authority"). Browsers drop tabs and line breaks before they look.
        && path is not ['/', '/' or '\\', ..]
        && path.All(c => c is > ' ' and <= '~' and not '\\')
            ? path : null;
}
