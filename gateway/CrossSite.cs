using AuthMesh.Errors;
using AuthMesh.Settings;
using Microsoft.Extensions.Options;

namespace AuthMesh.Gateway;

/// <summary>Whose page a request comes from.</summary>
internal enum RequestOrigin
{
    /// <summary>Our own, or no page at all: a person at the address bar, or a program.</summary>
    Own,

    /// <summary>One of <see cref="GatewayOptions.CorsOrigins"/>.</summary>
    Listed,

    /// <summary>Any other, or nobody can tell.</summary>
    Foreign,
}

/// <summary>
/// Reads off a request whose page it comes from: browsers say so in headers that no page can set (Fetch Metadata, RFC 6454 §7).
/// </summary>
internal sealed class RequestOrigins(IOptions<AuthMeshOptions> mesh, IOptions<GatewayOptions> gateway)
{
    private readonly string own = mesh.Value.Issuer;
    private readonly string[] listed = [.. gateway.Value.CorsOrigins];

    public RequestOrigin Of(HttpRequest request) => (request.Headers["Sec-Fetch-Site"], request.Headers.Origin) switch
    {
        ({ Count: > 1 }, _) or (_, { Count: > 1 }) => RequestOrigin.Foreign, // no browser's
        (["same-origin" or "none"], _) => RequestOrigin.Own,
        ([], []) => RequestOrigin.Own,
        ([], [{ } origin]) when origin == own => RequestOrigin.Own, // an old browser, or plain http: there Sec-Fetch-Site is not sent
        (_, [{ } origin]) when listed.Contains(origin) => RequestOrigin.Listed,
        _ => RequestOrigin.Foreign,
    };
}

/// <summary>
/// Refuses what another site's page would have a browser do here. SameSite does not: ports and sibling hosts are the same site, and a
/// login that somebody else chose needs no cookie.
/// </summary>
internal sealed partial class CrossSite(RequestDelegate next, RequestOrigins origins, ILogger<CrossSite> logger)
{
    private static readonly Failure Refused = new(StatusCodes.Status403Forbidden, "cross_origin", "Cross-origin request refused");

    public Task InvokeAsync(HttpContext context)
    {
        var request = context.Request;
        if (IsSafe(request.Method) || origins.Of(request) switch
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

    // No page can have a browser send this on its own: whoever does has the token in hand.
    private static bool BringsBearerToken(HttpRequest request) =>
        request.Headers.Authorization is [{ } authorization] && authorization.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase);

    [LoggerMessage(LogLevel.Information, "Cross-origin request refused")]
    private partial void LogRefused();
}
