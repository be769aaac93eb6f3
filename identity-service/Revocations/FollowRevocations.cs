using AuthMesh.Identity.Keys;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Revocations;
using AuthMesh.Tokens;
using Npgsql;

namespace AuthMesh.Identity.Revocations;

/// <summary>
/// Keeps this replica's copy of the log complete, and confirms that every 2 seconds with a query to PostgreSQL. A notification only
/// triggers an earlier query. If one is lost, the next beat catches up.
/// </summary>
internal sealed partial class FollowRevocations(
    Primary primary, RevocationLog log, RevocationLag lag, RevokedAccess revoked, VerifierRegister verifiers, KeyRing ring,
    Preparation preparation, DatabaseHealth database, IEnumerable<NotifiedWorker> notified,
    IServiceScopeFactory scopes, TimeProvider clock, ILogger<FollowRevocations> logger) : BackgroundService
{
    private const string Channel = "authmesh_revocations";

    private static readonly TimeSpan Beat = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan RetryInterval = TimeSpan.FromMilliseconds(250);

    private IReadOnlyList<Revocation> lost = []; // entries that the database lost and this replica has not written again yet
    private volatile CancellationTokenSource? listening; // cancels the current LISTEN connection
    private Repeating? following;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await preparation.Completed.WaitAsync(stoppingToken);
        following = new Repeating(clock, ExplainFollowing, LogLost, LogFollowing);
        await Task.WhenAll(
            new Repeating(clock, ExplainListening).RunAsync(ListenAsync, stoppingToken),
            following.RunAsync(FollowAsync, stoppingToken));
    }

    // LISTEN needs its own connection, because the server sends notifications unasked.
    private async Task<TimeSpan?> ListenAsync(CancellationToken stoppingToken)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
        listening = ending;
        await using var connection = await primary.OpenConnectionAsync(ending.Token);
        connection.Notification += (_, notification) => Wake(notification.Channel);
        foreach (var channel in (string[])[Channel, .. notified.Select(worker => worker.Channel)])
        {
            await using var listen = new NpgsqlCommand("LISTEN " + channel, connection);
            await listen.ExecuteNonQueryAsync(ending.Token);
            Wake(channel); // for what was written before LISTEN
        }

        while (true)
        {
            await connection.WaitAsync(ending.Token);
        }
    }

    private void Wake(string channel)
    {
        if (channel == Channel)
        {
            log.AskForConfirmation();
        }

        foreach (var worker in notified.Where(worker => worker.Channel == channel))
        {
            worker.Wake();
        }
    }

    private async Task<TimeSpan?> FollowAsync(CancellationToken stoppingToken)
    {
        // Held open, because a flood of requests that wait for pooled connections must not delay a logout.
        // It ends when another server becomes the primary, because the earlier one may go on answering.
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken, primary.Moved);
        await using var connection = await primary.OpenConnectionAsync(ending.Token);
        await verifiers.RegisterSelfAsync(connection, ring.KeyIds, ending.Token);
        while (true)
        {
            await ConfirmAsync(connection, ending.Token);
            database.Confirm();
            following!.Succeeded();
            await Task.WhenAny(log.Asked, Task.Delay(Beat, clock, ending.Token));
            ending.Token.ThrowIfCancellationRequested();
        }
    }

    // FollowAsync reports the reason for both.
    private static Setback? ExplainListening(Exception exception) =>
        exception is NpgsqlException or OperationCanceledException ? new Setback("", RetryInterval) : null;

    private Setback? ExplainFollowing(Exception exception)
    {
        if (exception is OperationCanceledException)
        {
            StopListening();
            return new Setback("another server became the primary", TimeSpan.Zero);
        }

        if (database.Judge(exception) is not { } fault)
        {
            return null;
        }

        database.Lose(fault);
        revoked.WarnIfStale();
        if (fault.IsOfConnection)
        {
            StopListening(); // after a fail-over, the old server may keep that connection and would send no notifications
        }

        return new Setback(DatabaseUnavailable.FindCause(exception)!.Message, RetryInterval);
    }

    private void StopListening()
    {
        try
        {
            listening?.Cancel();
        }
        catch (ObjectDisposedException) // it has just stopped by itself
        {
        }
    }

    private async Task ConfirmAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var (number, begunAt) = (log.BeginConfirmation(), clock.GetTimestamp());
        var tail = log.Tail;
        var isOtherHistory = false; // a restored database also has another ring
        var (found, databaseTime) = await ReadFromAsync(connection, tail?.Position ?? 0, cancellationToken);
        if (tail is not null)
        {
            if (found is [var first, ..] && first == tail)
            {
                found.RemoveAt(0);
            }
            else
            {
                // The database was restored from an older backup. Or it was unreachable for so long that cleanup removed the tail; then
                // nothing relevant is lost.
                (found, databaseTime) = await ReadFromAsync(connection, 0, cancellationToken);
                lost = [.. log.StartAnew().Except(found).Where(entry => databaseTime - entry.WrittenAt <= AccessTokenLifetime.Remembered)];
                if (lost.Count > 0)
                {
                    LogOtherHistory(lost.Count, AccessTokenLifetime.Remembered.TotalMinutes);
                }
                isOtherHistory = true;
            }
        }

        await TakeAsync(found, connection, isOtherHistory, cancellationToken);
        if (tail is not null && !isOtherHistory) // otherwise the entries were written before this replica listened
        {
            lag.Record(found, databaseTime);
        }

        log.Confirm(number, found, databaseTime);
        revoked.Confirm(clock.GetElapsedTime(begunAt));
        if (lost.Count > 0)
        {
            await RevokeAgain.RunAsync(connection, lost, cancellationToken);
            lost = [];
        }
    }

    // The identity service checks tokens too.
    private async Task TakeAsync(
        List<Revocation> entries, NpgsqlConnection connection, bool isOtherHistory, CancellationToken cancellationToken)
    {
        foreach (var entry in entries)
        {
            revoked.Take(entry.Kind, entry.Subject, entry.Epoch ?? 0);
        }

        if (isOtherHistory || entries.Exists(entry => entry.Kind == RevocationKind.KeysChanged))
        {
            // Reload before passing the entry on, so that verifiers that then ask for the keys get them.
            await using var scope = scopes.CreateAsyncScope();
            await ring.ReloadAsync(scope.ServiceProvider.GetRequiredService<IdentityDb>(), cancellationToken);
            await verifiers.RegisterSelfAsync(connection, ring.KeyIds, cancellationToken);
        }

        ring.Confirm();
        if (entries.FindAll(entry => entry.Kind == RevocationKind.KeyDistrusted) is { Count: > 0 } distrusted)
        {
            ring.Distrust([.. distrusted.Select(entry => entry.Subject)]); // after the reload, when the ring holds the replacement
        }
    }

    private async Task<(List<Revocation> Entries, DateTimeOffset DatabaseTime)> ReadFromAsync(
        NpgsqlConnection connection, long position, CancellationToken cancellationToken)
    {
        // Without mail, an idle mesh sends little else. It also records the connected verifiers, every fourth second.
        await using var command = new NpgsqlCommand(
            """
            WITH seen AS (
                UPDATE verifiers SET seen_at = now() WHERE instance = ANY ($2) AND seen_at < now() - interval '3 seconds'
            )
            SELECT now(), r.position, r.mark, r.kind, r.subject, r.epoch, r.written_at
            FROM (VALUES (1)) AS one LEFT JOIN revocations r ON r.position >= $1
            ORDER BY r.position
            """,
            connection);
        command.Parameters.AddWithValue(position);
        command.Parameters.AddWithValue(verifiers.Connected);
        var entries = new List<Revocation>();
        var databaseTime = DateTimeOffset.MinValue;
        await using (var reader = await command.ExecuteReaderAsync(cancellationToken))
        {
            while (await reader.ReadAsync(cancellationToken))
            {
                databaseTime = reader.GetFieldValue<DateTimeOffset>(0);
                if (!reader.IsDBNull(1))
                {
                    entries.Add(new Revocation(
                        reader.GetInt64(1), reader.GetGuid(2), reader.GetString(3), reader.GetString(4),
                        reader.IsDBNull(5) ? null : reader.GetInt32(5),
                        reader.GetFieldValue<DateTimeOffset>(6)));
                }
            }
        }

        UnconfirmedCommit.ThrowIfAny(connection);
        return (entries, databaseTime);
    }

    [LoggerMessage(LogLevel.Warning, "The revocation log cannot be read: {Reason}")]
    private partial void LogLost(string reason);

    [LoggerMessage(LogLevel.Information, "The revocation log can be read again")]
    private partial void LogFollowing();

    [LoggerMessage(LogLevel.Critical,
        "The database lost an acknowledged revocation, as after a restore from an older backup. This replica repeats {Count} revocations "
        + "of the last {Minutes} minutes. Sessions that ended earlier, passwords and roles are as in the backup")]
    private partial void LogOtherHistory(int count, double minutes);
}
