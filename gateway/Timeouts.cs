using Yarp.ReverseProxy.Forwarder;

namespace AuthMesh.Gateway;

/// <summary>Enforces the <c>Timeout</c> of every route. A service that takes longer is a 504: the caller did nothing wrong.</summary>
internal static class Timeouts
{
    public static void UseTimeouts(this WebApplication app)
    {
        app.Use(async (context, next) =>
        {
            await next(context);
            SetStatus(context);
        });
        app.UseRequestTimeouts();
    }

    /// <summary>
    /// Sets the status for a request that the timeout ended. The proxy mistakes it for a caller that left and answers 400, but the caller
    /// still waits.
    /// </summary>
    public static void SetStatus(HttpContext context)
    {
        if (context.GetForwarderErrorFeature()?.Error is ForwarderError.RequestCanceled or ForwarderError.RequestBodyCanceled
            && !context.RequestAborted.IsCancellationRequested && !context.Response.HasStarted)
        {
            context.Response.StatusCode = StatusCodes.Status504GatewayTimeout;
        }
    }
}
