using Yarp.ReverseProxy.Health;
using Yarp.ReverseProxy.Model;

namespace AuthMesh.Gateway.Destinations;

/// <summary>
/// Judges a destination by its probes. An answer counts at once: a replica that says it stops or still starts gets no further requests. A
/// single missing answer does not count, because a busy replica may be late. YARP's own policy calls a destination healthy after its first
/// failed probe.
/// </summary>
internal sealed class JudgeProbes(
    IDestinationHealthUpdater health, IClusterDestinationsUpdater destinations, SilentDestinations silent) : IActiveHealthCheckPolicy
{
    /// <summary>The <c>HealthCheck:Active:Policy</c> of a cluster.</summary>
    public const string PolicyName = "Readiness";

    public string Name => PolicyName;

    public void ProbingCompleted(ClusterState cluster, IReadOnlyList<DestinationProbingResult> probingResults)
    {
        var hasChanged = false;
        health.SetActive(cluster, [.. probingResults.Select(probe => new NewActiveDestinationHealth(probe.Destination, Judge(probe)))]);
        if (hasChanged)
        {
            destinations.UpdateAvailableDestinations(cluster); // it depends on the silence, too
        }

        DestinationHealth Judge(DestinationProbingResult probe)
        {
            var destination = probe.Destination;
            if (probe.Response is { } answer)
            {
                hasChanged |= silent.Remove(destination);
                return answer.IsSuccessStatusCode ? DestinationHealth.Healthy : DestinationHealth.Unhealthy;
            }

            var isFirst = silent.Add(destination);
            hasChanged |= isFirst;
            return isFirst && destination.Health.Active == DestinationHealth.Healthy
                ? DestinationHealth.Healthy
                : DestinationHealth.Unhealthy;
        }
    }
}
