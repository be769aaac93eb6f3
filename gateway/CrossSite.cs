using AuthMesh.Errors;
using AuthMesh.Settings;
using Microsoft.Extensions.Options;

namespace AuthMesh.Gateway;

/// <summary>The kind of page that sent a request.</summary>
internal enum RequestOrigin
{
    /// <summary>A page of the origin that the request is for, or no page: the address bar, or a program.</summary>
    Own,

    /// <summary>One of <see cref="GatewayOptions.CorsOrigins"/>.</summary>
    Listed,

    /// <summary>Any other origin, or an unknown one.</summary>
    Foreign,
}

/// <summary>
/// Finds the origin of a request. Browsers send it in headers that no page can set (Fetch Metadata, RFC 6454 §7).
/// </summary>
internal sealed class RequestOrigins(PagesHost pages, IOptions<GatewayOptions> gateway)
{
    private readonly string[] listed = [.. gateway.Value.CorsOrigins];

    public RequestOrigin Of(HttpRequest request) => (request.Headers["Sec-Fetch-Site"], request.Headers.Origin) switch
    {
        ({ Count: > 1 }, _) or (_, { Count: > 1 }) => RequestOrigin.Foreign, // no browser repeats these headers
        (["same-origin" or "none"], _) => RequestOrigin.Own,
        ([], []) => RequestOrigin.Own,
        // Old browsers, and all on plain http, send no Sec-Fetch-Site.
        ([], [{ } origin]) when origin == pages.OriginOf(request) => RequestOrigin.Own,
        (_, [{ } origin]) when listed.Contains(origin) => RequestOrigin.Listed,
        _ => RequestOrigin.Foreign,
    };
}

/// <summary>
/// Refuses unsafe requests that another site's page makes a browser send (CSRF). SameSite cookies do not suffice: other ports and sibling
/// hosts are the same site, and a forged login needs no cookie.
/// </summary>
internal sealed partial class CrossSite(RequestDelegate next, RequestOrigins origins, ILogger<CrossSite> logger)
{
    public static readonly Failure Refused = new(StatusCodes.Status403Forbidden, "cross_origin", "Cross-origin request refused");

    public Task InvokeAsync(HttpContext context)
    {
        var request = context.Request;
        // CONNECT begins a WebSocket, and StreamRequests has judged it.
        if (IsSafe(request.Method) || HttpMethods.IsConnect(request.Method) || ProtocolRoutes.IsOpenToAllOrigins(context.GetEndpoint())
            || origins.Of(request) switch
            {
                RequestOrigin.Own => true,
                RequestOrigin.Listed => BringsBearerToken(request),
                _ => false,
            })
        {
            return next(context);
        }

        LogRefused();
        return Refused.ExecuteAsync(context);
    }

    // RFC 9110 §9.2.1
    public static bool IsSafe(string method) =>
        HttpMethods.IsGet(method) || HttpMethods.IsHead(method) || HttpMethods.IsOptions(method) || HttpMethods.IsTrace(method);

    // A browser never adds a bearer token on its own, so a page that sends one has the token.
    public static bool BringsBearerToken(HttpRequest request) =>
        request.Headers.Authorization is [{ } authorization] && authorization.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase);

    [LoggerMessage(LogLevel.Information, "Cross-origin request refused")]
    private partial void LogRefused();
}
