using Microsoft.Extensions.Diagnostics.HealthChecks;
using Yarp.ReverseProxy;
using Yarp.ReverseProxy.Health;
using Yarp.ReverseProxy.Model;

namespace AuthMesh.Gateway;

/// <summary>
/// A starting gateway is not ready until each cluster has a destination that is ready, so that the first caller of a ready mesh does not
/// get 503. Later, or if a cluster stays away, the gateway serves the other clusters and reports degraded.
/// </summary>
internal sealed class DestinationsHealth(IProxyStateLookup proxy, IActiveHealthCheckMonitor probes, TimeProvider clock) : IHealthCheck
{
    private static readonly TimeSpan StartingTime = TimeSpan.FromSeconds(30);

    private readonly long startedAt = clock.GetTimestamp();
    private volatile bool wasReady;

    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        var absent = FindAbsent();
        if (absent.Count > 0 && !wasReady)
        {
            await probes.CheckHealthAsync(absent).WaitAsync(cancellationToken); // at once instead of at the next interval
            absent = FindAbsent();
        }

        if (absent.Count == 0)
        {
            wasReady = true;
            return HealthCheckResult.Healthy();
        }

        var description = "no destination is ready for " + string.Join(", ", absent.Select(cluster => cluster.ClusterId).Order());
        return wasReady || clock.GetElapsedTime(startedAt) > StartingTime
            ? HealthCheckResult.Degraded(description)
            : HealthCheckResult.Unhealthy(description);
    }

    private List<ClusterState> FindAbsent() => [.. proxy.GetClusters().Where(cluster => !HasReady(cluster))];

    // A destination is unknown before its first probe. Unknown counts as ready only if the cluster has no probes.
    private static bool HasReady(ClusterState cluster) =>
        cluster.Model.Config.HealthCheck?.Active?.Enabled is not true
        || cluster.Destinations.Values.Any(destination => destination.Health.Active == DestinationHealth.Healthy);
}
