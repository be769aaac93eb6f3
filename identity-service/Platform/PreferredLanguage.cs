using Microsoft.Net.Http.Headers;

namespace AuthMesh.Identity.Platform;

/// <summary>The language of a person without an account, or whose account names none.</summary>
internal static class PreferredLanguage
{
    public const string Default = "en";

    private const int LongestSubtag = 3; // ISO 639: two or three letters

    /// <returns>The primary subtag of the first choice in <c>Accept-Language</c> (RFC 9110 §12.5.4), such as <c>en</c>.</returns>
    public static string Of(HttpRequest request) =>
        request.GetTypedHeaders().AcceptLanguage.OrderByDescending(choice => choice.Quality ?? 1).FirstOrDefault() is { } first
        && PrimarySubtag(first) is { Length: > 1 and <= LongestSubtag } subtag && subtag.All(char.IsAsciiLetter)
            ? subtag.ToLowerInvariant() : Default;

    private static string PrimarySubtag(StringWithQualityHeaderValue choice) => choice.Value.ToString().Split('-')[0];
}
