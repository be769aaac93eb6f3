using System.Runtime.CompilerServices;
using Yarp.ReverseProxy.Model;

namespace AuthMesh.Gateway.Destinations;

/// <summary>The destinations that did not answer their last probe at all.</summary>
internal sealed class SilentDestinations
{
    private readonly ConditionalWeakTable<DestinationState, string> silent = [];

    public bool Contains(DestinationState destination) => silent.TryGetValue(destination, out _);

    /// <returns>Whether it answered before.</returns>
    public bool Add(DestinationState destination) => silent.TryAdd(destination, destination.DestinationId);

    /// <returns>Whether it was silent before.</returns>
    public bool Remove(DestinationState destination) => silent.Remove(destination);
}
