using AuthMesh.Errors;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Npgsql;

namespace AuthMesh.Identity.Platform.Database;

/// <summary>
/// What PostgreSQL did to this replica lately, for its readiness. Nothing asks PostgreSQL for it: the loop that follows the revocation log
/// asks every 2 seconds anyway, and requests tell what they met.
/// </summary>
internal sealed class DatabaseHealth(NpgsqlDataSource dataSource, TimeProvider clock) : IHealthCheck
{
    // The loop's connection may be well while requests are refused: rights on one table, a full tablespace, a new password. Nobody tells
    // when that ends, so what a request met counts for a while.
    private static readonly TimeSpan Remembered = TimeSpan.FromSeconds(10);

    // While a database is read-only every request fails, and each would otherwise have all others connect anew.
    private static readonly TimeSpan ClearPause = TimeSpan.FromSeconds(1);

    private readonly Lock gate = new();
    private DatabaseFault? lost, met;
    private long metAt, clearedAt;

    /// <summary>Which answer an exception gives a caller. A fault that needs an operator is remembered for the readiness.</summary>
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
    /// Tells what an exception means, null where the database had no part in it. Connections that stay unusable are dropped, so that the
    /// next statement gets a new one: a pooled connection would stay on a read-only server, or read-only, for good.
    /// </summary>
    public DatabaseFault? Judge(Exception exception)
    {
        var fault = DatabaseUnavailable.Classify(exception);
        if (fault is { IsOfConnection: true } && MayClear())
        {
            dataSource.Clear();
        }

        return fault;
    }

    /// <summary>The loop that asks every 2 seconds got no answer.</summary>
    public void Lose(DatabaseFault fault)
    {
        lock (gate)
        {
            lost = fault;
        }
    }

    /// <summary>The loop that asks every 2 seconds, with a statement that writes, got its answer.</summary>
    public void Confirm()
    {
        lock (gate)
        {
            lost = null;
        }
    }

    /// <summary>
    /// Degraded, never unready: the database is shared, so every replica would go at once, and with them the keys, which are served from
    /// memory.
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
