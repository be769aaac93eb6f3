using AuthMesh.Errors;
using AuthMesh.Gateway.Streams;
using Microsoft.AspNetCore.Http.Features;

namespace AuthMesh.Gateway;

/// <summary>
/// Refuses every protocol upgrade but a well-formed handshake of a WebSocket, for which routing must find a streaming route. The proxy
/// would forward any upgrade despite the header allow-list. The service would get the caller's token, and the tunnel would outlive the
/// logout.
/// </summary>
/// <remarks>
/// An offer of HTTP/2 does not request a tunnel: a server that stays with HTTP/1.1 may ignore it (RFC 9110 §7.8). Java's HTTP client and
/// <c>curl --http2</c> send it with every request on plain http. The gateway drops it and forwards the request.
/// </remarks>
internal sealed class Upgrades : IStartupFilter
{
    private const string Http2 = "h2c"; // RFC 7540 §3.2; obsolete since RFC 9113 §3.1

    private static readonly Failure Refused =
        new(StatusCodes.Status400BadRequest, "upgrade_refused", "The connection cannot change to another protocol here");

    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
    {
        app.Use((context, proceed) =>
        {
            var request = context.Request;
            if (HttpMethods.IsConnect(request.Method)) // over HTTP/2, a WebSocket also begins with CONNECT (RFC 8441 §4)
            {
                return Handshake.TryMark(context) ? proceed(context) : RefuseAsync(context);
            }

            var upgrade = request.Headers.Upgrade;
            if (upgrade.Count == 0 && context.Features.Get<IHttpUpgradeFeature>()?.IsUpgradableRequest is not true)
            {
                return proceed(context);
            }

            if (Handshake.TryMark(context))
            {
                return proceed(context); // to StreamRequests
            }

            if (upgrade is not [{ } offer] || !offer.Equals(Http2, StringComparison.OrdinalIgnoreCase))
            {
                return RefuseAsync(context);
            }

            request.Headers.Upgrade = default;
            return proceed(context);
        });
        next(app);
    };

    public static Task RefuseAsync(HttpContext context)
    {
        var failure = HttpMethods.IsConnect(context.Request.Method)
            ? CommonFailures.FromStatus(StatusCodes.Status501NotImplemented) : Refused;
        context.Response.Headers.Connection = "close"; // the following bytes are meant for a tunnel and must not be read as a request
        return failure.ExecuteAsync(context);
    }
}
