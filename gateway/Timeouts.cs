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
            // The proxy mistakes the timeout for a caller that left and answers 400, but the caller still waits.
            if (context.GetForwarderErrorFeature()?.Error is ForwarderError.RequestCanceled or ForwarderError.RequestBodyCanceled
                && !context.RequestAborted.IsCancellationRequested && !context.Response.HasStarted)
            {
                context.Response.StatusCode = StatusCodes.Status504GatewayTimeout;
            }
        });
        app.UseRequestTimeouts();
    }
}
