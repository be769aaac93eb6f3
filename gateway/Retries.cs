using Yarp.ReverseProxy.Forwarder;

namespace AuthMesh.Gateway;

/// <summary>
/// Retries a request at another replica if the first is unreachable or hangs up before it answers. Without retries, callers would see every
/// second request fail until a health check notices. Only safe methods are retried (RFC 9110 §9.2.1): for any other, the first replica may
/// already have acted.
/// </summary>
internal static class Retries
{
    public static void UseRetries(this IReverseProxyApplicationBuilder proxy) => proxy.Use((context, next) =>
        context.GetReverseProxyFeature().AvailableDestinations.Count > 1 && IsSafe(context.Request.Method)
        && !BodyLimit.HasBody(context)
            ? ForwardAsync(context, next)
            : next(context));

    // CONNECT begins a WebSocket here. Until it is accepted, it is no more than a GET.
    private static bool IsSafe(string method) => CrossSite.IsSafe(method) || HttpMethods.IsConnect(method);

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

    /// <summary>Whether the replica did not answer at all. Then the answer is as if nothing had been tried.</summary>
    public static bool MayRepeat(HttpContext context)
    {
        if (context.GetForwarderErrorFeature()?.Error is not ForwarderError.Request || context.Response.HasStarted)
        {
            return false;
        }

        context.Features.Set<IForwarderErrorFeature>(null);
        context.Response.StatusCode = StatusCodes.Status200OK; // resets only the status: earlier middleware has already set headers
        return true;
    }
}
