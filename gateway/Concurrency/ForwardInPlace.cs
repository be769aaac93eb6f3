using AuthMesh.Gateway.Streams;

namespace AuthMesh.Gateway.Concurrency;

/// <summary>Offers only destinations that are not full to the balancing of the proxy's pipeline.</summary>
internal sealed class DestinationsWithRoom(RequestDelegate next, DestinationPlaces places)
{
    public Task InvokeAsync(HttpContext context)
    {
        var proxying = context.GetReverseProxyFeature();
        if (!StreamingRoutes.IsStreaming(proxying.Route.Config))
        {
            proxying.AvailableDestinations = places.WithRoom(proxying.AvailableDestinations);
        }

        return next(context);
    }
}

/// <summary>
/// Forwards a request of the proxy's pipeline once it has a place at the destination that the balancing chose. A repetition at another
/// destination takes a place there.
/// </summary>
internal sealed class ForwardInPlace(RequestDelegate next, DestinationPlaces places)
{
    public Task InvokeAsync(HttpContext context) =>
        StreamingRoutes.IsStreaming(context.GetReverseProxyFeature().Route.Config) ? next(context) : ForwardAsync(context);

    private async Task ForwardAsync(HttpContext context)
    {
        var proxying = context.GetReverseProxyFeature();
        if (proxying.AvailableDestinations is not [var destination, ..])
        {
            await next(context); // answers 503
            return;
        }

        proxying.AvailableDestinations = destination;
        var client = places.ClientOf(context);
        if (!await places.TryEnterAsync(context, destination, client, proxying.Route.Config))
        {
            return;
        }

        try
        {
            await next(context);
        }
        finally
        {
            places.Leave(destination, client);
        }
    }
}
