using System.Collections.Concurrent;
using System.Diagnostics;
using System.Security.Cryptography;
using AuthMesh.Gateway.Concurrency;
using AuthMesh.Gateway.Streams;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.LoadBalancing;
using Yarp.ReverseProxy.Model;

namespace AuthMesh.Gateway;

/// <summary>
/// Forwards a safe request without a body directly, with the route's own transforms, timeout and destinations. It saves the steps of the
/// proxy's pipeline, which exist for bodies, other ways of balancing and traces. Every other request takes that pipeline.
/// </summary>
internal sealed class DirectForward(RequestDelegate next, IHttpForwarder forwarder, DestinationPlaces places)
{
    private readonly TimeoutPool timeouts = new();

    public Task InvokeAsync(HttpContext context) =>
        context.GetEndpoint()?.Metadata.GetMetadata<RouteModel>() is { Cluster: { } cluster } route
        && CrossSite.IsSafe(context.Request.Method) && !BodyLimit.HasBody(context)
        && IsPlain(route.Config) && Activity.Current is null // the pipeline adds its own span to a trace
        && cluster.DestinationsState.AvailableDestinations is { Count: > 0 } destinations
        && (destinations.Count == 1 || BalancesByDefault(cluster.Model.Config))
            ? ForwardAsync(context, route, cluster.Model, destinations)
            : next(context);

    private static bool IsPlain(RouteConfig route) =>
        route is { TimeoutPolicy: null, RateLimiterPolicy: null, OutputCachePolicy: null }
        && !StreamingRoutes.IsStreaming(route) && !StreamingRoutes.HasAffinity(route);

    private static bool BalancesByDefault(ClusterConfig cluster) =>
        cluster.LoadBalancingPolicy is null
        || cluster.LoadBalancingPolicy.Equals(LoadBalancingPolicies.PowerOfTwoChoices, StringComparison.OrdinalIgnoreCase);

    private async Task ForwardAsync(
        HttpContext context, RouteModel route, ClusterModel cluster, IReadOnlyList<DestinationState> destinations)
    {
        using var timeout = timeouts.Rent(route.Config.Timeout);
        var client = places.ClientOf(context);
        for (var left = destinations; ;)
        {
            var chosen = Choose(places.WithRoom(left));
            if (!await places.TryEnterAsync(context, chosen, client, route.Config))
            {
                return;
            }

            try
            {
                if (chosen.Model.Config.Host is not null || left != destinations) // an attempt before this one may have told another
                {
                    TellHost(context, route, cluster, chosen);
                }

                await forwarder.SendAsync(
                    context, chosen.Model.Config.Address, cluster.HttpClient, cluster.Config.HttpRequest ?? ForwarderRequestConfig.Empty,
                    route.Transformer, timeout.Token);
            }
            finally
            {
                places.Leave(chosen, client);
            }

            if (left.Count == 1 || !Retries.MayRepeat(context))
            {
                break;
            }

            left = [.. left.Where(destination => destination != chosen)];
        }

        Timeouts.SetStatus(context);
    }

    // The transform of the Host header asks the pipeline for the destination's own, which each replica of a name has.
    private static void TellHost(HttpContext context, RouteModel route, ClusterModel cluster, DestinationState chosen) =>
        context.Features.Set<IReverseProxyFeature>(new ReverseProxyFeature
        {
            Route = route,
            Cluster = cluster,
            AllDestinations = [],
            AvailableDestinations = [],
            ProxiedDestination = chosen,
        });

    /// <summary>Chooses the less busy one of two random destinations, as the proxy does by default.</summary>
    private DestinationState Choose(IReadOnlyList<DestinationState> destinations)
    {
        if (destinations.Count == 1)
        {
            return destinations[0];
        }

        var first = RandomNumberGenerator.GetInt32(destinations.Count);
        var another = (first + 1 + RandomNumberGenerator.GetInt32(destinations.Count - 1)) % destinations.Count;
        var (one, other) = (destinations[first], destinations[another]);
        return places.LoadOf(one) <= places.LoadOf(other) ? one : other;
    }

    /// <summary>Lends timers to requests, because each has a timeout that it hardly ever needs.</summary>
    private sealed class TimeoutPool
    {
        private readonly ConcurrentQueue<CancellationTokenSource> idle = new();

        public Rented Rent(TimeSpan? time)
        {
            if (time is not { } delay)
            {
                return default;
            }

            var source = idle.TryDequeue(out var used) ? used : new CancellationTokenSource();
            source.CancelAfter(delay);
            return new(this, source);
        }

        public readonly struct Rented(TimeoutPool pool, CancellationTokenSource? source) : IDisposable
        {
            public CancellationToken Token => source?.Token ?? CancellationToken.None;

            public void Dispose()
            {
                if (source?.TryReset() is true)
                {
                    pool.idle.Enqueue(source); // as many as there were requests at one time
                }
                else
                {
                    source?.Dispose();
                }
            }
        }
    }
}
