namespace AuthMesh.Identity.Sessions;

/// <summary>Reads a User-Agent as people name their devices: "Firefox, Linux". Words that it does not know, it does not guess.</summary>
internal static class Device
{
    // The first match counts: Edge also calls itself Chrome, and Chrome also calls itself Safari.
    private static readonly (string Mark, string Name)[]
        Browsers =
        [
            ("Edg/", "Edge"), ("OPR/", "Opera"), ("SamsungBrowser/", "Samsung Internet"), ("Firefox/", "Firefox"), ("FxiOS/", "Firefox"),
            ("CriOS/", "Chrome"), ("Chrome/", "Chrome"), ("Safari/", "Safari"), ("authmesh/", "authmesh"), ("curl/", "curl"),
        ],
        Systems =
        [
            ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"), ("Macintosh", "Mac"),
            ("CrOS", "ChromeOS"), ("Linux", "Linux"),
        ];

    /// <returns>The name; the text itself if it names no known browser; null if it is empty.</returns>
    public static string? Name(string userAgent) =>
        KnownName(userAgent) ?? (userAgent.Trim() is { Length: > 0 } text ? text : null);

    /// <returns>The name, which consists of our own words; null if the text names no known browser.</returns>
    public static string? KnownName(string userAgent) => Find(Browsers, userAgent) is not { } browser ? null
        : Find(Systems, userAgent) is { } system ? $"{browser}, {system}"
        : browser;

    private static string? Find((string Mark, string Name)[] known, string userAgent) =>
        Array.Find(known, entry => userAgent.Contains(entry.Mark, StringComparison.Ordinal)).Name;
}
