using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;

namespace AuthMesh.Gateway.Sessions;

/// <summary>
/// Tells shared caches what a bearer token would have told them. They may not store the answer to a request with an Authorization header
/// unless the answer allows it (RFC 9111 §3.5), but a request with a cookie lacks that header.
/// </summary>
internal static class SharedCaches
{
    private static readonly string[] Decided = ["no-store", "private", "public", "s-maxage"];

    /// <summary>Adds <c>Vary: Cookie</c>: an answer for callers with a cookie must not serve callers without one, or the reverse.</summary>
    public static void SayWhatTheAnswerDependsOn(IHeaderDictionary headers) => headers.Append(HeaderNames.Vary, HeaderNames.Cookie);

    /// <summary>
    /// Keeps the service's Cache-Control, but adds <c>private</c> unless it explicitly decides about shared caches. Without a
    /// Cache-Control, no cache may store the answer: another person may use the browser next.
    /// </summary>
    public static void KeepOut(IHeaderDictionary headers)
    {
        var said = headers.CacheControl;
        if (StringValues.IsNullOrEmpty(said))
        {
            headers.CacheControl = "no-store";
        }
        else if (!Array.Exists(Decided, directive => said.ToString().Contains(directive, StringComparison.OrdinalIgnoreCase)))
        {
            headers.CacheControl = said + ", private";
        }
    }
}
