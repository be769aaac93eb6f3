using Yarp.ReverseProxy.Forwarder;

namespace AuthMesh.Gateway;

/// <summary>Holds every route to its <c>Timeout</c>. A service that takes longer is not available; the caller did nothing wrong.</summary>
internal static class Timeouts
{
    public static void UseTimeouts(this WebApplication app)
    {
        app.Use(async (context, next) =>
        {
            await next(context);
            // The proxy takes the time-out for the caller's leaving and answers 400. The caller is still here.
            if (context.GetForwarderErrorFeature()?.Error is ForwarderError.RequestCanceled or ForwarderError.RequestBodyCanceled
                && !context.RequestAborted.IsCancellationRequested && !context.Response.HasStarted)
            {
                context.Response.StatusCode = StatusCodes.Status504GatewayTimeout;
            }
        });
        app.UseRequestTimeouts();
    }
}
