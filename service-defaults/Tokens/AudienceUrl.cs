using System.Buffers;

namespace AuthMesh.Tokens;

/// <summary>
/// The audience of a gateway route: a URL below the public origin. It names the resource in metadata (RFC 9728 §1.2), in requests for
/// tokens (RFC 8707 §2) and in tokens, and each compares it character by character. So it has one spelling only.
/// </summary>
internal static class AudienceUrl
{
    /// <summary>The form, as the end of a sentence.</summary>
    public const string Rule =
        "must be AuthMesh:Issuer and a path, such as https://mesh.example/mcp: at most 512 characters, and in the path only letters, digits"
        + " and - . _ ~ between single slashes, without a slash at the end";

    private const int Longest = 512;

    // Unreserved (RFC 3986 §2.3): they need no encoding and no quoting anywhere.
    private static readonly SearchValues<char> Characters =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~");

    /// <returns>The path, which begins with a slash; null if the text is no such URL of this issuer.</returns>
    public static string? FindPath(string text, string issuer) =>
        text.Length <= Longest && text.StartsWith(issuer, StringComparison.Ordinal) && text[issuer.Length..] is ['/', ..] path
        && path[1..].Split('/').All(IsSegment) ? path : null;

    private static bool IsSegment(string text) =>
        text is not ("" or "." or "..") && !text.AsSpan().ContainsAnyExcept(Characters);
}
