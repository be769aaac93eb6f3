using System.Runtime.CompilerServices;
using AuthMesh.Errors;
using AuthMesh.Streams;
using AuthMesh.Tokens;
using Microsoft.Extensions.Options;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.Model;

namespace AuthMesh.Gateway.Streams;

/// <summary>Forwards requests of streaming routes, and holds each of them in <see cref="OpenStreams"/> until it is over.</summary>
internal sealed class ForwardStreams(
    RequestDelegate next, OpenStreams streams, StreamTokens tokens, IOptions<GatewayOptions> gateway, TimeProvider clock)
{
    // A service that accepts the connection and says nothing is as good as absent. Other streams may answer late: SignalR's long polling
    // answers when a message comes.
    private static readonly TimeSpan HandshakeTime = TimeSpan.FromSeconds(10);

    private static readonly Failure TooMany =
        new(StatusCodes.Status429TooManyRequests, "too_many_streams", "This session holds as many streams as it may: close one")
        {
            RetryAfter = TimeSpan.FromSeconds(1),
        };

    private static readonly Failure Full = CommonFailures.Unavailable("streams_full", "No further stream can be opened right now");

    private readonly StreamOptions options = gateway.Value.Streams;
    private readonly ConditionalWeakTable<ClusterModel, ClusterModel> patient = [];

    public Task InvokeAsync(HttpContext context) =>
        StreamingRoutes.IsStreaming(context.GetReverseProxyFeature().Route.Config) ? ForwardAsync(context) : next(context);

    private async Task ForwardAsync(HttpContext context)
    {
        if (VerifiedToken.Of(context) is not { } token)
        {
            await CommonFailures.InvalidToken().ExecuteAsync(context);
            return;
        }

        using var stream = new OpenStream(context, Handshake.IsMarked(context), clock);
        stream.BelongTo(token);
        var renewal = tokens.For(stream, context.Features.Get<StreamCredential>()); // before the revocation log can find the stream
        var addition = streams.Add(stream, options.PerSession, stream.IsSocket ? options.Total : options.TotalEvents);
        if (addition != Addition.Added)
        {
            await (addition == Addition.Full ? Full : TooMany).ExecuteAsync(context);
            return;
        }

        try
        {
            if (!streams.EndIfRevoked(stream))
            {
                tokens.Watch(stream, token, renewal);
                await RunAsync(context, stream);
            }
        }
        finally
        {
            streams.Remove(stream);
        }

        if (stream.EndedBy is { } why && !context.Response.HasStarted)
        {
            context.Features.Set<IForwarderErrorFeature>(null);
            context.Response.Clear();
            await (why == StreamEnd.GoingAway ? Full : CommonFailures.InvalidToken()).ExecuteAsync(context);
        }
    }

    private async Task RunAsync(HttpContext context, OpenStream stream)
    {
        UsePatience(context);
        if (!stream.IsSocket)
        {
            await next(context);
            return;
        }

        stream.Attach(context);
        try
        {
            using var patience = clock.CreateTimer(
                static stream => ((OpenStream)stream!).CancelUnlessAccepted(), stream, HandshakeTime, Timeout.InfiniteTimeSpan);
            await next(context);
        }
        finally
        {
            await stream.FinishAsync(context);
        }
    }

    // The proxy knows this time per cluster only, and other routes of the cluster keep theirs.
    private void UsePatience(HttpContext context)
    {
        var proxying = context.GetReverseProxyFeature();
        context.Features.Set<IReverseProxyFeature>(new ReverseProxyFeature
        {
            Route = proxying.Route,
            Cluster = patient.GetValue(proxying.Cluster, cluster => new(
                cluster.Config with { HttpRequest = Patient(cluster.Config.HttpRequest) }, cluster.HttpClient)),
            AllDestinations = proxying.AllDestinations,
            AvailableDestinations = proxying.AvailableDestinations,
        });
    }

    private ForwarderRequestConfig Patient(ForwarderRequestConfig? request) =>
        (request ?? ForwarderRequestConfig.Empty) with { ActivityTimeout = options.IdleTimeout };
}

internal static class GatewayStreamServices
{
    public static void AddGatewayStreams(this IServiceCollection services)
    {
        services.AddSingleton<StreamTokens>();
        // It is for streams that reach a service. The gateway's own are held on their way through.
        services.Remove(services.Single(service => service.ImplementationType == typeof(DirectStreams)));
    }
}
