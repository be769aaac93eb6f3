using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace AuthMesh.Revocations;

internal sealed class RevocationsHealth(RevokedAccess revoked) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(
        !revoked.IsCaughtUp ? HealthCheckResult.Unhealthy("waiting for the revocation log")
        : revoked.IsStale ? HealthCheckResult.Degraded($"no confirmation of the revocation log for {revoked.Staleness.TotalSeconds:0} s")
        : revoked.UnknownKinds is { Count: > 0 } kinds
            ? HealthCheckResult.Degraded($"this version does not know revocations of the kind {string.Join(", ", kinds)}")
        : HealthCheckResult.Healthy());
}
