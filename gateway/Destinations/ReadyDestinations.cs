using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Health;
using Yarp.ReverseProxy.Model;

namespace AuthMesh.Gateway.Destinations;

/// <summary>
/// Chooses the destinations that get requests: those whose last probe succeeded; without any, those that answered their last probe or were
/// not probed yet. So a replica that joins others gets its first request when it is ready, and a caller of a single replica that still
/// starts gets that replica's own reason. A replica that hangs gets requests until its second probe fails.
/// </summary>
internal sealed class ReadyDestinations(SilentDestinations silent) : IAvailableDestinationsPolicy
{
    /// <summary>The <c>HealthCheck:AvailableDestinationsPolicy</c> of a cluster. It is the default of clusters with probes.</summary>
    public const string PolicyName = "Ready";

    public string Name => PolicyName;

    // The interface spells it so.
    public IReadOnlyList<DestinationState> GetAvailalableDestinations(
        ClusterConfig config, IReadOnlyList<DestinationState> allDestinations)
    {
        var isProbed = config.HealthCheck?.Active?.Enabled is true;
        var heedsFailures = config.HealthCheck?.Passive?.Enabled is true;
        List<DestinationState> usable =
        [
            .. allDestinations.Where(destination => !heedsFailures || destination.Health.Passive != DestinationHealth.Unhealthy),
        ];
        return !isProbed ? usable
            : usable.FindAll(destination => destination.Health.Active == DestinationHealth.Healthy) is { Count: > 0 } ready ? ready
            : usable.FindAll(destination => !silent.Contains(destination));
    }

    /// <summary>Makes this policy the default of a cluster with probes.</summary>
    public static ClusterConfig Complete(ClusterConfig cluster) =>
        cluster.HealthCheck is { Active.Enabled: true, AvailableDestinationsPolicy: null } checks
            ? cluster with { HealthCheck = checks with { AvailableDestinationsPolicy = PolicyName } }
            : cluster;
}
