using AuthMesh.Revocations;
using AuthMesh.Settings;
using AuthMesh.Tokens;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace AuthMesh.Streams;

/// <summary>
/// Ends WebSockets and event streams of a service when the session of their token ends. Their endpoints need no code for that. When the
/// token expires, it ends the streams that reached the service without the gateway. For the others, the gateway renews the token or closes
/// the stream.
/// </summary>
internal sealed class DirectStreams(OpenStreams streams, GatewayMark mark, IOptions<AuthMeshOptions> mesh, TimeProvider clock)
    : IStartupFilter
{
    private const string EventStream = "text/event-stream";

    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
    {
        Func<object, Task> whenStarting = HoldEvents; // one delegate for all requests
        app.Use((context, proceed) =>
        {
            context.Response.OnStarting(whenStarting, context); // only then is the type of the answer known
            return MayBecomeSocket(context) ? HoldSocketAsync(context, proceed) : proceed(context);
        });
        next(app);
    };

    private static bool MayBecomeSocket(HttpContext context) => context.Features.Get<IHttpUpgradeFeature>()?.IsUpgradableRequest is true
        || context.Features.Get<IHttpExtendedConnectFeature>()?.IsExtendedConnect is true;

    private async Task HoldSocketAsync(HttpContext context, RequestDelegate next)
    {
        var isHeld = false;
        using var stream = new OpenStream(context, isSocket: true, clock) { OnAccept = accepted => isHeld = Hold(accepted, context) };
        stream.Attach(context);
        try
        {
            await next(context);
        }
        finally
        {
            try
            {
                if (isHeld)
                {
                    streams.EndIfRevoked(stream); // the handler may have learnt that the session has ended before the stream did
                }

                await stream.FinishAsync(context);
            }
            finally
            {
                if (isHeld)
                {
                    streams.Remove(stream);
                }
            }
        }
    }

    private Task HoldEvents(object state)
    {
        var context = (HttpContext)state;
        if (context.Response.ContentType?.StartsWith(EventStream, StringComparison.OrdinalIgnoreCase) is true)
        {
            var stream = new OpenStream(context, isSocket: false, clock);
            var isHeld = Hold(stream, context);
            context.Response.OnCompleted(() =>
            {
                if (isHeld)
                {
                    streams.Remove(stream);
                }

                stream.Dispose(); // before the web server uses its features for the next request
                return Task.CompletedTask;
            });
        }

        return Task.CompletedTask;
    }

    /// <returns>Whether the stream belongs to a session of the mesh.</returns>
    private bool Hold(OpenStream stream, HttpContext context)
    {
        if (VerifiedToken.Of(context) is not { } token)
        {
            return false; // an anonymous endpoint, or one with a scheme of its own
        }

        stream.BelongTo(token);
        if (mark.IsValid(context.Request.Headers[GatewayMark.Header], context.Request.Headers.Authorization))
        {
            stream.OnKeyDistrusted = static () => { }; // the gateway exchanges its cookie for a token of another key, or closes it
        }
        else
        {
            stream.EndAt(token.ValidTo + mesh.Value.ClockSkew, StreamEnd.TokenExpired);
        }

        if (streams.Add(stream) != Addition.Added)
        {
            stream.End(StreamEnd.GoingAway);
            return false;
        }

        streams.EndIfRevoked(stream);
        return true;
    }
}

internal static class StreamServices
{
    public static void AddStreams(this IServiceCollection services)
    {
        services.AddSingleton<OpenStreams>();
        services.AddSingleton<SessionWatches>();
        services.AddSingleton<GatewayMark>();
        services.AddHostedService<StreamShutdown>();
        services.AddSingleton<IStartupFilter, DirectStreams>();
    }
}
