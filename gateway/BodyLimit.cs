using AuthMesh.Errors;
using Microsoft.AspNetCore.Http.Features;

namespace AuthMesh.Gateway;

/// <summary>Answers 413 before anything is forwarded, where the announced length already says that the route takes no such body.</summary>
internal static class BodyLimit
{
    // A client that is still sending when the connection closes may never see the answer, so this much is read and dropped first.
    private const long Drained = 4 * 1024 * 1024;
    private static readonly TimeSpan DrainTime = TimeSpan.FromSeconds(3);

    private static readonly Failure TooLarge = CommonFailures.FromStatus(StatusCodes.Status413PayloadTooLarge);

    public static void UseBodyLimit(this IReverseProxyApplicationBuilder proxy) => proxy.Use(async (context, next) =>
    {
        var size = context.Features.GetRequiredFeature<IHttpMaxRequestBodySizeFeature>();
        if (context.Request.ContentLength > (context.GetReverseProxyFeature().Route.Config.MaxRequestBodySize ?? size.MaxRequestBodySize))
        {
            await TooLarge.ExecuteAsync(context);
            await context.Response.CompleteAsync();
            if (context.Request.ContentLength <= Drained && !size.IsReadOnly)
            {
                size.MaxRequestBodySize = Drained;
                await DrainAsync(context);
            }
        }
        else
        {
            await next(context);
        }
    });

    private static async Task DrainAsync(HttpContext context)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted);
        patience.CancelAfter(DrainTime);
        try
        {
            await context.Request.Body.CopyToAsync(Stream.Null, patience.Token);
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException)
        {
            context.Abort(); // the answer is out; whoever dawdles or left does not keep the connection
        }
    }
}
