using System.Diagnostics.Metrics;
using AuthMesh.Errors;
using AuthMesh.Identity.Platform.Database;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace AuthMesh.Identity.Throttling;

/// <summary>
/// Counts attempts across all replicas, before they are made: of many simultaneous attempts, no more get through than the limit allows.
/// </summary>
internal sealed class Throttle
{
    // If a count is exhausted in the snapshot, the statement writes nothing, so that a flood against one account costs only reads.
    // Otherwise it increments each key, in key order, so that statements with common keys never deadlock. The returned counts decide
    // between concurrent attempts.
    private const string Reserve =
        """
        WITH wanted AS (SELECT * FROM unnest(@keys, @attempts, @windows) AS w (key, attempts, window_length)),
        exhausted AS (
            SELECT key, c.resets_at FROM wanted w JOIN attempt_counts c USING (key) WHERE c.count >= w.attempts AND c.resets_at > now()),
        reserved AS (
            INSERT INTO attempt_counts AS c (key, count, resets_at)
            SELECT key, 1, now() + window_length FROM wanted WHERE NOT EXISTS (SELECT FROM exhausted) ORDER BY key
            ON CONFLICT (key) DO UPDATE SET
                count = CASE WHEN c.resets_at > now() THEN c.count + 1 ELSE 1 END,
                resets_at = CASE WHEN c.resets_at > now() THEN c.resets_at ELSE excluded.resets_at END
            RETURNING key, count, resets_at)
        SELECT key AS "Key", resets_at AS "ResetsAt", resets_at - now() AS "Wait", true AS "IsExhausted", false AS "IsReserved"
        FROM exhausted
        UNION ALL
        SELECT key, resets_at, resets_at - now(), count > attempts, true FROM reserved JOIN wanted USING (key)
        """;

    private readonly IdentityDb db;
    private readonly Counter<long> refused;

    public Throttle(IdentityDb db, IMeterFactory meters)
    {
        this.db = db;
        refused = meters.Create("AuthMesh.Identity").CreateCounter<long>(
            "authmesh.attempts.refused", "{attempt}",
            "Attempts refused before the check because there had been too many, by limit.");
    }

    /// <summary>Counts an attempt if its budget has room.</summary>
    /// <param name="budget">The budget that it draws on.</param>
    /// <param name="cancellationToken">Signals that the caller left.</param>
    /// <returns>The reservation, or the refusal with a retry time and the limits that the attempt met.</returns>
    public async Task<(Reservation? Reservation, Failure? Refusal, string? Limit)> ReserveAsync(
        Budget budget, CancellationToken cancellationToken)
    {
        var allowances = budget.Allowances;
        var counts = await db.Database.SqlQueryRaw<ReservedCount>(
            Reserve, new NpgsqlParameter("keys", allowances.Select(allowance => allowance.Key).ToArray()),
            new NpgsqlParameter("attempts", allowances.Select(allowance => allowance.Attempts).ToArray()),
            new NpgsqlParameter("windows", allowances.Select(allowance => allowance.Window).ToArray())).ToListAsync(cancellationToken);
        var reservation = new Reservation(db, budget, counts.FindAll(count => count.IsReserved));
        var exhausted = counts.FindAll(count => count.IsExhausted);
        if (exhausted.Count == 0)
        {
            return (reservation, null, null);
        }

        await reservation.GiveBackAsync();
        var met = allowances.Where(allowance => exhausted.Exists(count => count.Key.AsSpan().SequenceEqual(allowance.Key)))
            .Select(allowance => allowance.Limit).ToList();
        foreach (var limit in met)
        {
            refused.Add(1, new KeyValuePair<string, object?>("limit", limit));
        }

        return (null, TooManyAttempts(exhausted.Max(count => count.Wait)), string.Join(", ", met));
    }

    // Whole seconds, rounded up, so that a caller who retries then is admitted.
    private static Failure TooManyAttempts(TimeSpan wait)
    {
        var seconds = Math.Max(1, (int)Math.Ceiling(wait.TotalSeconds));
        var when = seconds < 120 ? $"{seconds} seconds" : $"{(seconds + 59) / 60} minutes";
        return new Failure(StatusCodes.Status429TooManyRequests, "too_many_attempts", $"Too many attempts. Try again in {when}")
        {
            RetryAfter = TimeSpan.FromSeconds(seconds),
        };
    }
}

/// <summary>A count after the statement.</summary>
internal sealed record ReservedCount(byte[] Key, DateTimeOffset ResetsAt, TimeSpan Wait, bool IsExhausted, bool IsReserved);
