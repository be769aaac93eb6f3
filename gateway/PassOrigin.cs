using Microsoft.Net.Http.Headers;
using Yarp.ReverseProxy.Transforms;
using Yarp.ReverseProxy.Transforms.Builder;

namespace AuthMesh.Gateway;

/// <summary>
/// Passes to the identity service what a browser says about the page that sent a request (Fetch Metadata, RFC 6454 §7), so that its pages
/// check it themselves. No other service gets these headers unless <see cref="GatewayOptions.RequestHeaders"/> lists them.
/// </summary>
internal sealed class PassOrigin : ITransformProvider
{
    private static readonly string[] Names = [HeaderNames.Origin, "Sec-Fetch-Site", "Sec-Fetch-Mode", "Sec-Fetch-Dest"];

    public void Apply(TransformBuilderContext context)
    {
        if (SendServiceKey.IsFor(context.Cluster))
        {
            context.AddRequestTransform(request =>
            {
                foreach (var name in Names)
                {
                    // All values of a doubled header: the service refuses it, as the gateway does.
                    if (request.HttpContext.Request.Headers[name] is { Count: > 0 } values)
                    {
                        request.ProxyRequest.Headers.Remove(name);
                        request.ProxyRequest.Headers.TryAddWithoutValidation(name, (IEnumerable<string?>)values);
                    }
                }

                return ValueTask.CompletedTask;
            });
        }
    }

    public void ValidateRoute(TransformRouteValidationContext context)
    {
    }

    public void ValidateCluster(TransformClusterValidationContext context)
    {
    }
}
