using AuthMesh.Replicas;
using Microsoft.Extensions.Primitives;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.ServiceDiscovery;

namespace AuthMesh.Gateway.Destinations;

/// <summary>
/// Makes one destination of each address of a name. Requests keep the name as their host, and TLS demands a certificate for it. A name that
/// was never resolved stays a destination itself, and its requests fail as those to a service that is away.
/// </summary>
/// <remarks>
/// The id of a destination contains its address. So every gateway has the same ids, and a replica keeps its health and the sessions that
/// are bound to it while others come and go.
/// </remarks>
internal sealed class ResolveDestinations(NameAddresses names) : IDestinationResolver
{
    public async ValueTask<ResolvedDestinationCollection> ResolveDestinationsAsync(
        IReadOnlyDictionary<string, DestinationConfig> destinations, CancellationToken cancellationToken)
    {
        await Task.WhenAll(destinations.Values.Select(NameIn).OfType<string>().Distinct().Select(names.FollowAsync));

        var changed = names.Changed; // before the addresses, so that no change is missed
        var resolved = new Dictionary<string, DestinationConfig>(StringComparer.OrdinalIgnoreCase);
        foreach (var (id, destination) in destinations)
        {
            if (NameIn(destination) is not { } name || names.Find(name) is not { Count: > 0 } addresses)
            {
                resolved[id] = destination;
                continue;
            }

            var named = new Uri(destination.Address);
            foreach (var address in addresses)
            {
                var replica = Replica.At(named, address);
                resolved[$"{id}-{address}"] = destination with
                {
                    Address = replica.Address.AbsoluteUri,
                    Host = destination.Host ?? replica.Host,
                    Health = Uri.TryCreate(destination.Health, UriKind.Absolute, out var probed) && probed.Host == named.Host
                        ? Replica.At(probed, address).Address.AbsoluteUri
                        : destination.Health,
                };
            }
        }

        return new(resolved, new CancellationChangeToken(changed));
    }

    // The proxy itself reports an address that is none.
    private static string? NameIn(DestinationConfig destination) =>
        Uri.TryCreate(destination.Address, UriKind.Absolute, out var address) ? NameAddresses.NameIn(address) : null;
}
