using Yarp.ReverseProxy.Forwarder;

namespace AuthMesh.Gateway;

/// <summary>
/// Asks another replica where one could not be reached, or hung up before it answered: until health checks have noticed, callers would
/// see every second request fail. Safe methods alone (RFC 9110 §9.2.1): of any other nobody knows whether the first replica acted on it.
/// </summary>
internal static class Retries
{
    public static void UseRetries(this IReverseProxyApplicationBuilder proxy) => proxy.Use((context, next) =>
        context.GetReverseProxyFeature().AvailableDestinations.Count > 1 && CrossSite.IsSafe(context.Request.Method)
        && !BodyLimit.HasBody(context)
            ? ForwardAsync(context, next)
            : next(context));

    private static async Task ForwardAsync(HttpContext context, RequestDelegate next)
    {
        var proxying = context.GetReverseProxyFeature();
        var left = proxying.AvailableDestinations; // load balancing leaves the one that it chose
        await next(context);
        while (context.GetForwarderErrorFeature()?.Error is ForwarderError.Request && !context.Response.HasStarted
            && left.Where(destination => destination != proxying.ProxiedDestination).ToList() is { Count: > 0 } others)
        {
            proxying.AvailableDestinations = left = others;
            context.Features.Set<IForwarderErrorFeature>(null);
            context.Response.StatusCode = StatusCodes.Status200OK; // as it was; what stands in front has its headers on it already
            await next(context);
        }
    }
}
