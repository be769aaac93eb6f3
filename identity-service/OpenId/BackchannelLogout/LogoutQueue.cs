using AuthMesh.Identity.Platform.Database;
using Npgsql;

namespace AuthMesh.Identity.OpenId.BackchannelLogout;

/// <summary>An application that this worker is to tell. No other worker does before the lease ends.</summary>
/// <param name="Attempt">The number of the try, from 1.</param>
internal sealed record LeasedLogout(
    Guid Id, string ClientId, string Address, string Host, Guid SessionId, Guid UserId, int Attempt)
{
    /// <summary>The application had its tries. They lie within a minute.</summary>
    public bool IsLast => Attempt >= LogoutQueue.MostAttempts;
}

/// <param name="Logout">What was tried.</param>
/// <param name="Failure">Why it failed; null if the application took it.</param>
internal sealed record LogoutOutcome(LeasedLogout Logout, string? Failure)
{
    public bool IsOver => Failure is null || Logout.IsLast;
}

/// <summary>
/// The table <c>logout_deliveries</c> as the workers see it. Each statement commits by itself, so no transaction is open during a try. A
/// worker that crashes leaves its lease, and another one tries again.
/// </summary>
internal sealed class LogoutQueue(Primary database)
{
    public const int MostAttempts = 3;

    // For each host, so that an application that hangs holds up only what waits for the same host. Two steps find the hosts: PostgreSQL
    // jumps from one to the next in the index, and so does not read the million rows that may wait for one of them. The inner limit is a
    // constant, because the planner expects a tenth of the table behind any other.
    private const string Lease =
        """
        WITH RECURSIVE hosts AS (
            (SELECT host FROM logout_deliveries ORDER BY host LIMIT 1)
            UNION ALL
            SELECT (SELECT d.host FROM logout_deliveries d WHERE d.host > h.host ORDER BY d.host LIMIT 1)
            FROM hosts h WHERE h.host IS NOT NULL),
        due AS (
            SELECT d.id FROM hosts h LEFT JOIN unnest(@hosts, @tries) AS busy (host, tries) ON busy.host = h.host, LATERAL (
                SELECT id FROM (
                    SELECT d.id FROM logout_deliveries d WHERE d.host = h.host AND d.next_attempt_at <= now()
                    ORDER BY d.next_attempt_at LIMIT 8 FOR UPDATE SKIP LOCKED) d
                LIMIT GREATEST(8 - COALESCE(busy.tries, 0), 0)) d),
        leased AS (
            UPDATE logout_deliveries d SET next_attempt_at = now() + interval '30 seconds', attempts = d.attempts + 1
            WHERE d.id = ANY (ARRAY(SELECT id FROM due))
            RETURNING d.*)
        SELECT any_left.exists, l.id, l.client_id, l.uri, l.host, l.session_id, l.user_id, l.attempts
        FROM (SELECT EXISTS (SELECT FROM logout_deliveries)) any_left LEFT JOIN leased l ON true
        """;

    // With a try of at most 5 s each, three tries lie within a minute. A lease that ran out belongs to another worker.
    private const string Save =
        """
        WITH finished AS (DELETE FROM logout_deliveries WHERE id = ANY (@over))
        UPDATE logout_deliveries d SET next_attempt_at = now() + CASE d.attempts WHEN 1 THEN interval '5 s' ELSE interval '20 s' END
        FROM unnest(@failed, @attempts) AS failed (id, attempts) WHERE d.id = failed.id AND d.attempts = failed.attempts
        """;

    /// <summary>Leases what is due, for 30 seconds: at most 8 tries at a time of this replica for each host.</summary>
    /// <param name="busy">How many tries are under way here, by <see cref="LeasedLogout.Host"/>.</param>
    /// <param name="cancellationToken">Cancels the statement.</param>
    /// <returns>What is leased, and whether the table holds anything at all.</returns>
    public async Task<(IReadOnlyList<LeasedLogout> Logouts, bool IsAnyLeft)> LeaseAsync(
        IReadOnlyDictionary<string, int> busy, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var command = new NpgsqlCommand(Lease, connection);
        command.Parameters.AddWithValue("hosts", busy.Keys.ToArray());
        command.Parameters.AddWithValue("tries", busy.Values.ToArray());
        await using var rows = await command.ExecuteReaderAsync(cancellationToken);
        var (logouts, isAnyLeft) = (new List<LeasedLogout>(), false);
        while (await rows.ReadAsync(cancellationToken))
        {
            isAnyLeft = rows.GetBoolean(0);
            if (!rows.IsDBNull(1))
            {
                logouts.Add(new LeasedLogout(
                    rows.GetGuid(1), rows.GetString(2), rows.GetString(3), rows.GetString(4), rows.GetGuid(5), rows.GetGuid(6),
                    rows.GetInt32(7)));
            }
        }

        await rows.NextResultAsync(cancellationToken); // confirms the commit, see CommittedRow
        UnconfirmedCommit.ThrowIfAny(connection);
        return (logouts, isAnyLeft);
    }

    /// <summary>Removes what is over, and lets the rest wait for its next try.</summary>
    public async Task SaveAsync(IReadOnlyCollection<LogoutOutcome> outcomes, CancellationToken cancellationToken)
    {
        var failed = outcomes.Where(outcome => !outcome.IsOver).Select(outcome => outcome.Logout).ToList();
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var command = new NpgsqlCommand(Save, connection);
        command.Parameters.AddWithValue("over", outcomes.Where(outcome => outcome.IsOver).Select(outcome => outcome.Logout.Id).ToArray());
        command.Parameters.AddWithValue("failed", failed.Select(logout => logout.Id).ToArray());
        command.Parameters.AddWithValue("attempts", failed.Select(logout => logout.Attempt).ToArray());
        await command.ExecuteNonQueryAsync(cancellationToken);
        UnconfirmedCommit.ThrowIfAny(connection);
    }
}
