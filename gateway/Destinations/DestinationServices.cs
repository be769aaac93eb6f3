using Yarp.ReverseProxy.Health;
using Yarp.ReverseProxy.ServiceDiscovery;

namespace AuthMesh.Gateway.Destinations;

internal static class DestinationServices
{
    /// <summary>Finds the replicas of each cluster, and those of them that are ready. Needs <c>NameAddresses</c>.</summary>
    public static IReverseProxyBuilder AddDestinations(this IReverseProxyBuilder proxy)
    {
        proxy.Services.AddSingleton<IDestinationResolver, ResolveDestinations>();
        proxy.Services.AddSingleton<SilentDestinations>();
        proxy.Services.AddSingleton<IActiveHealthCheckPolicy, JudgeProbes>();
        proxy.Services.AddSingleton<IAvailableDestinationsPolicy, ReadyDestinations>();
        return proxy;
    }
}
