using AuthMesh.Streams;
using Yarp.ReverseProxy.Transforms;
using Yarp.ReverseProxy.Transforms.Builder;

namespace AuthMesh.Gateway.Streams;

/// <summary>Tells services which streams came through the gateway; see <see cref="GatewayMark"/>.</summary>
internal sealed class MarkStreams(GatewayMark mark) : ITransformProvider
{
    public void Apply(TransformBuilderContext context)
    {
        if (StreamingRoutes.IsStreaming(context.Route))
        {
            context.AddRequestTransform(request =>
            {
                var authorization = request.HttpContext.Request.Headers.Authorization.ToString();
                request.ProxyRequest.Headers.Remove(GatewayMark.Header);
                request.ProxyRequest.Headers.TryAddWithoutValidation(GatewayMark.Header, mark.Make(authorization));
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
