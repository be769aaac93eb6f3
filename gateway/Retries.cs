using System.Net.Sockets;
using Yarp.ReverseProxy.Forwarder;

namespace AuthMesh.Gateway;

/// <summary>
/// Retries a request at another replica if the first is unreachable or hangs up before it answers. Without retries, callers would see every
/// second request fail until a probe notices. A safe request without a body (RFC 9110 §9.2.1) is retried after either failure. Any other is
/// retried only if its connection could not be opened: after that, the first replica may already have acted.
/// </summary>
internal static class Retries
{
    public static void UseRetries(this IReverseProxyApplicationBuilder proxy) => proxy.Use((context, next) =>
        context.GetReverseProxyFeature().AvailableDestinations.Count > 1 ? ForwardAsync(context, next) : next(context));

    private static async Task ForwardAsync(HttpContext context, RequestDelegate next)
    {
        var proxying = context.GetReverseProxyFeature();
        var left = proxying.AvailableDestinations; // saved, because load balancing reduces the list to its choice
        await next(context);
        while (left.Where(destination => destination != proxying.ProxiedDestination).ToList() is { Count: > 0 } others
            && MayRepeat(context))
        {
            proxying.AvailableDestinations = left = others;
            await next(context);
        }
    }

    /// <summary>Whether sending the request again is harmless. Then the answer is as if nothing had been tried.</summary>
    public static bool MayRepeat(HttpContext context)
    {
        if (context.Response.HasStarted || context.GetForwarderErrorFeature() is not { } failure
            || !(IsUnopened(failure) || (failure.Error == ForwarderError.Request && IsHarmless(context))))
        {
            return false;
        }

        context.Features.Set<IForwarderErrorFeature>(null);
        context.Response.StatusCode = StatusCodes.Status200OK; // resets only the status: earlier middleware has already set headers
        return true;
    }

    // CONNECT begins a WebSocket here. Until it is accepted, it is no more than a GET.
    private static bool IsHarmless(HttpContext context) =>
        (CrossSite.IsSafe(context.Request.Method) || HttpMethods.IsConnect(context.Request.Method)) && !BodyLimit.HasBody(context);

    /// <summary>
    /// Whether no connection was opened: it was refused, had no certificate or took longer than <c>ConnectTimeout</c>, or was reset before
    /// the HTTP client could use it, which the client reports as it is. A connection that breaks later has another exception.
    /// </summary>
    private static bool IsUnopened(IForwarderErrorFeature failure) => failure switch
    {
        { Error: ForwarderError.RequestTimedOut, Exception: OperationCanceledException { InnerException: TimeoutException } } => true,
        { Error: ForwarderError.Request, Exception: SocketException } => true,
        { Error: ForwarderError.Request, Exception: HttpRequestException { HttpRequestError: var error } } => error
            is HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError or HttpRequestError.SecureConnectionError,
        _ => false,
    };
}
