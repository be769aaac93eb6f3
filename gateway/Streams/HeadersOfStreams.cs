using Yarp.ReverseProxy.Transforms;
using Yarp.ReverseProxy.Transforms.Builder;

namespace AuthMesh.Gateway.Streams;

/// <summary>
/// Ends the answer to HEAD on a streaming route after its headers (RFC 9110 §9.3.2). The service answers HEAD as it answers GET, so the end
/// of its body, which nobody gets, may never come.
/// </summary>
internal sealed class HeadersOfStreams : ITransformProvider
{
    public void Apply(TransformBuilderContext context)
    {
        if (StreamingRoutes.IsStreaming(context.Route))
        {
            context.AddResponseTransform(static response =>
            {
                response.SuppressResponseBody |= HttpMethods.IsHead(response.HttpContext.Request.Method);
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
