using Microsoft.Extensions.Diagnostics.HealthChecks;
using Yarp.ReverseProxy;
using Yarp.ReverseProxy.Health;
using Yarp.ReverseProxy.Model;

namespace AuthMesh.Gateway;

/// <summary>
/// A gateway that has just started is not ready before each cluster has a destination that answers: a mesh that says it is ready
/// must not greet its first caller with 503. Later, or when a cluster stays away, it serves what it can and calls that degraded.
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
            await probes.CheckHealthAsync(absent).WaitAsync(cancellationToken); // somebody waits: not only at the next beat
            absent = FindAbsent();
        }

        if (absent.Count == 0)
        {
            wasReady = true;
            return HealthCheckResult.Healthy();
        }

        var description = "no destination answers for " + string.Join(", ", absent.Select(cluster => cluster.ClusterId).Order());
        return wasReady || clock.GetElapsedTime(startedAt) > StartingTime
            ? HealthCheckResult.Degraded(description)
            : HealthCheckResult.Unhealthy(description);
    }

    private List<ClusterState> FindAbsent() => [.. proxy.GetClusters().Where(cluster => !HasAnswering(cluster))];

    // Before its first probe nobody knows; that counts as there only where nobody will ever probe.
    private static bool HasAnswering(ClusterState cluster) =>
        cluster.Model.Config.HealthCheck?.Active?.Enabled is not true
        || cluster.Destinations.Values.Any(destination => destination.Health.Active == DestinationHealth.Healthy);
}
