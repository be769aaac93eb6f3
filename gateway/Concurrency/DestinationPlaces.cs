using System.Runtime.CompilerServices;
using AuthMesh.Errors;
using AuthMesh.Requests;
using Microsoft.Extensions.Options;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Model;

namespace AuthMesh.Gateway.Concurrency;

/// <summary>
/// Bounds the requests that are under way at each destination. A destination that hangs then costs its callers a short wait, and costs the
/// gateway little memory. Both ways of forwarding take their places here.
/// </summary>
internal sealed class DestinationPlaces
{
    private static readonly Failure Busy =
        CommonFailures.Unavailable("service_busy", "The service behind this path has as many requests under way as it may");

    private static readonly Failure ClientIsBusy =
        CommonFailures.TooManyRequests("Too many requests from your network are under way", TimeSpan.FromSeconds(1));

    private readonly ConditionalWeakTable<DestinationState, Places> all = [];
    private readonly ConditionalWeakTable<DestinationState, Places>.CreateValueCallback create;
    private readonly ConcurrencyOptions options;
    private readonly LimitedClients clients;
    private readonly RefusedRequests refused;

    public DestinationPlaces(IOptions<GatewayOptions> gateway, TimeProvider clock, RefusedRequests refused)
    {
        (options, this.refused) = (gateway.Value.Concurrency, refused);
        clients = new LimitedClients(gateway.Value, gateway.Value.RateLimits.LimitLoopback);
        create = _ => new Places(options.PerDestination, options.PerClient, options.Queue, clock);
    }

    /// <summary>How many requests a destination has, under way or waiting. Streams do not count: an idle one costs nothing.</summary>
    public int LoadOf(DestinationState destination) => Of(destination).Load;

    /// <summary>The client whose requests are counted together; null if it is exempt.</summary>
    public ClientNetwork? ClientOf(HttpContext context) => clients.Find(context.Connection.RemoteIpAddress);

    /// <summary>Leaves out full destinations, unless all are full.</summary>
    public IReadOnlyList<DestinationState> WithRoom(IReadOnlyList<DestinationState> destinations)
    {
        for (var i = 0; i < destinations.Count && destinations.Count > 1; i++)
        {
            if (!Of(destinations[i]).HasRoom)
            {
                return destinations.Where(destination => Of(destination).HasRoom).ToList() is { Count: > 0 } open ? open : destinations;
            }
        }

        return destinations;
    }

    /// <summary>Takes a place for a request, or answers it.</summary>
    /// <returns>Whether the request has a place, which it must leave once.</returns>
    public async ValueTask<bool> TryEnterAsync(HttpContext context, DestinationState destination, ClientNetwork? client, RouteConfig route)
    {
        var wait = route.Timeout / 2 is { } half && half < options.LongestWait ? half : options.LongestWait; // the rest is for the service
        var entry = await Of(destination).EnterAsync(client, wait, context.RequestAborted);
        if (entry == Entry.Entered)
        {
            return true;
        }

        if (entry == Entry.Busy)
        {
            refused.Count(RequestLimit.PerDestination, $"{route.ClusterId}/{destination.DestinationId}");
            await Busy.ExecuteAsync(context);
        }
        else
        {
            refused.Count(RequestLimit.PerClient, client!.Value);
            await ClientIsBusy.ExecuteAsync(context);
        }

        return false;
    }

    public void Leave(DestinationState destination, ClientNetwork? client) => Of(destination).Leave(client);

    private Places Of(DestinationState destination) =>
        all.TryGetValue(destination, out var places) ? places : all.GetValue(destination, create);
}
