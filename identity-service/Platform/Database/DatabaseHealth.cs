using AuthMesh.Errors;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Npgsql;

namespace AuthMesh.Identity.Platform.Database;

/// <summary>
/// PostgreSQL's recent faults on this replica, for its readiness. The check sends no query of its own: the loop that follows the revocation
/// log sends one every 2 seconds anyway, and requests report the faults that they meet.
/// </summary>
internal sealed class DatabaseHealth(Primary primary, TimeProvider clock) : IHealthCheck
{
    // Requests may fail while the loop's connection works: rights on one table, a full tablespace, a new password. Nothing signals the end
    // of such a fault, so each one counts for a while.
    private static readonly TimeSpan Remembered = TimeSpan.FromSeconds(10);

    // While a database is read-only, every request fails. Without this pause, each failure would force all others to reconnect.
    private static readonly TimeSpan ClearPause = TimeSpan.FromSeconds(1);

    private readonly Lock gate = new();
    private DatabaseFault? lost, met;
    private long metAt, clearedAt;

    /// <summary>Maps an exception to the caller's answer. A fault that needs an operator is remembered for the readiness.</summary>
    public FailureRule Rule => new(exception =>
    {
        if (Judge(exception) is not { Kind: not FaultKind.Ours } fault)
        {
            return null;
        }

        if (fault.Kind != FaultKind.Passing)
        {
            lock (gate)
            {
                (met, metAt) = (fault, clock.GetTimestamp());
            }
        }

        return DatabaseUnavailable.Failure;
    });

    /// <summary>
    /// Classifies an exception; null if the database had no part in it. It drops connections that stay unusable, so that the next statement
    /// gets a new one: a pooled connection would stay read-only, or on a read-only server, for good. Another server may be the primary now.
    /// </summary>
    public DatabaseFault? Judge(Exception exception)
    {
        var fault = DatabaseUnavailable.Classify(exception);
        if (fault is { IsOfConnection: true } && MayClear())
        {
            primary.Clear();
        }

        if (fault is { Kind: not FaultKind.Ours })
        {
            _ = primary.Search();
        }

        return fault;
    }

    /// <summary>Records that the loop's query, sent every 2 seconds, failed.</summary>
    public void Lose(DatabaseFault fault)
    {
        lock (gate)
        {
            lost = fault;
        }
    }

    /// <summary>Records that the loop's query, sent every 2 seconds, succeeded. The query writes, so the database accepts writes.</summary>
    public void Confirm()
    {
        lock (gate)
        {
            lost = null;
        }
    }

    /// <summary>
    /// Reports degraded, never unhealthy. The database is shared, so all replicas would become unready at once, and nobody would serve the
    /// keys, which come from memory.
    /// </summary>
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        lock (gate)
        {
            var fault = lost ?? (clock.GetElapsedTime(metAt) < Remembered ? met : null);
            return Task.FromResult(fault is null ? HealthCheckResult.Healthy() : HealthCheckResult.Degraded(fault.Description));
        }
    }

    private bool MayClear()
    {
        lock (gate)
        {
            var may = clearedAt == 0 || clock.GetElapsedTime(clearedAt) >= ClearPause;
            clearedAt = may ? clock.GetTimestamp() : clearedAt;
            return may;
        }
    }
}
