using AuthMesh.Errors;
using Microsoft.AspNetCore.Http.Features;

namespace AuthMesh.Gateway;

/// <summary>Answers 413 before anything is forwarded, where the announced length already says that the route takes no such body.</summary>
internal static class BodyLimit
{
    private static readonly Failure TooLarge = CommonFailures.FromStatus(StatusCodes.Status413PayloadTooLarge);

    public static void UseBodyLimit(this IReverseProxyApplicationBuilder proxy) => proxy.Use((context, next) =>
    {
        var limit = context.GetReverseProxyFeature().Route.Config.MaxRequestBodySize
            ?? context.Features.Get<IHttpMaxRequestBodySizeFeature>()?.MaxRequestBodySize;
        return context.Request.ContentLength > limit ? TooLarge.ExecuteAsync(context) : next(context);
    });
}
