using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;

namespace AuthMesh.Gateway.Sessions;

/// <summary>
/// Says to caches on the way what a bearer token would have told them. The answer to a request with an Authorization header is not theirs
/// to keep unless it says so (RFC 9111 §3.5); a request with a cookie does not look like one.
/// </summary>
internal static class SharedCaches
{
    private static readonly string[] Decided = ["no-store", "private", "public", "s-maxage"];

    /// <summary>One answer for those who bring a cookie, another for those who do not: it is never one for the other's.</summary>
    public static void SayWhatTheAnswerDependsOn(IHeaderDictionary headers) => headers.Append(HeaderNames.Vary, HeaderNames.Cookie);

    /// <summary>
    /// Leaves what the service said, except that a shared cache must be named to be meant. Where it said nothing, nobody keeps the answer:
    /// a browser may be used by another person next.
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
