using AuthMesh.Identity.Platform.Database;
using Npgsql;

namespace AuthMesh.Identity.Mail;

/// <summary>A mail that this worker may send, because no other worker gets it before the lease ends.</summary>
/// <param name="Mail">The mail.</param>
/// <param name="Account">The account's name now.</param>
/// <param name="IsExpired">Whether the mail came too late to be of use.</param>
internal sealed record LeasedMail(OutgoingMail Mail, string Account, bool IsExpired);

/// <summary>The outbox as the workers see it. Each statement commits by itself, so no transaction is open while a mail is sent.</summary>
internal sealed class MailQueue(Primary database)
{
    // One row at least, for the number of waiting mails. If no mail is due, the statement writes nothing.
    private const string Lease =
        """
        WITH due AS (
            SELECT id FROM mails WHERE due_at <= now() ORDER BY due_at LIMIT @count FOR UPDATE SKIP LOCKED),
        leased AS (
            UPDATE mails m SET due_at = now() + interval '2 minutes' FROM due, users u
            WHERE m.id = due.id AND u.id = m.user_id
            RETURNING m.*, u.username, m.expires_at <= now() AS is_expired)
        SELECT waiting.count, l.id, l.kind, l.user_id, l.address, l.language, l.data, l.created_at, l.due_at, l.expires_at, l.attempts,
            l.username, l.is_expired
        FROM (SELECT count(*) FROM mails) waiting LEFT JOIN leased l ON true ORDER BY l.created_at
        """;

    private const string Delete = "DELETE FROM mails WHERE id = @id";

    // 30 s, 1 min, 2 min, … 1 h. A mail that expires earlier is due then, so that it is given up in time. A lease that ran out belongs to
    // another worker.
    private const string Postpone =
        """
        UPDATE mails SET attempts = attempts + 1, due_at = LEAST(
            now() + LEAST(interval '30 seconds' * 2 ^ LEAST(attempts, 7), interval '1 hour'), GREATEST(expires_at, now()))
        WHERE id = @id AND due_at = @lease
        """;

    private const string Release = "UPDATE mails SET due_at = now() WHERE id = @id AND due_at = @lease";

    /// <summary>Leases the mails that are due, for two minutes.</summary>
    /// <returns>The mails, and how many mails the outbox holds in all.</returns>
    public async Task<(IReadOnlyList<LeasedMail> Mails, long Waiting)> LeaseAsync(int count, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var command = new NpgsqlCommand(Lease, connection);
        command.Parameters.AddWithValue("count", count);
        await using var rows = await command.ExecuteReaderAsync(cancellationToken);
        var (mails, waiting) = (new List<LeasedMail>(), 0L);
        while (await rows.ReadAsync(cancellationToken))
        {
            waiting = rows.GetInt64(0);
            if (!rows.IsDBNull(1))
            {
                mails.Add(new LeasedMail(OutgoingMail.Read(rows, firstColumn: 1), rows.GetString(11), rows.GetBoolean(12)));
            }
        }

        await rows.NextResultAsync(cancellationToken); // confirms the commit, see CommittedRow
        UnconfirmedCommit.ThrowIfAny(connection);
        return (mails, waiting);
    }

    /// <summary>Removes a mail that was sent or given up.</summary>
    public Task DeleteAsync(LeasedMail leased) => ExecuteAsync(Delete, leased);

    /// <summary>Ends the lease of a mail that was tried in vain. It is due again after a pause that grows with each attempt.</summary>
    public Task PostponeAsync(LeasedMail leased) => ExecuteAsync(Postpone, leased);

    /// <summary>Ends the lease of a mail that was not tried.</summary>
    public Task ReleaseAsync(LeasedMail leased) => ExecuteAsync(Release, leased);

    // Even if the service stops: what happened to the mail has happened.
    private async Task ExecuteAsync(string sql, LeasedMail leased)
    {
        await using var connection = await database.OpenConnectionAsync(CancellationToken.None);
        await using var command = new NpgsqlCommand(sql, connection);
        command.Parameters.AddWithValue("id", leased.Mail.Id);
        command.Parameters.AddWithValue("lease", leased.Mail.DueAt);
        await command.ExecuteNonQueryAsync(CancellationToken.None);
        UnconfirmedCommit.ThrowIfAny(connection);
    }
}
