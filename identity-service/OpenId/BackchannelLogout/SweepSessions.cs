using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using Npgsql;

namespace AuthMesh.Identity.OpenId.BackchannelLogout;

/// <summary>
/// Deletes the sessions that a new epoch of an application ended, so that the application is told of each: see
/// <c>logout_deliveries.sql</c>. The trigger <c>session_deleted</c> writes no entry, because the one of the epoch refuses their tokens.
/// </summary>
/// <remarks>
/// Every replica runs this. Cleanup would delete the rows too, within an hour. It also finds a session that began while the epoch rose.
/// </remarks>
internal sealed partial class SweepSessions(
    Primary database, Signal<SweepSessions> signal, Preparation preparation, TimeProvider clock, ILogger<SweepSessions> logger)
    : BackgroundService
{
    // 2,000 rows a second for each application: more than applications take, at a quarter of one of PostgreSQL's processors. All finish
    // in the time in which a request may have to wait for one of them.
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    private static readonly TimeSpan IdleInterval = TimeSpan.FromMinutes(1), RetryInterval = TimeSpan.FromSeconds(1);

    // The order makes the planner use the index, which has the live sessions elsewhere.
    private const string Sweep =
        """
        WITH dead AS (
            SELECT s.id FROM applications a, LATERAL (
                SELECT s.id FROM sessions s WHERE s.application_id = a.id AND s.client_epoch < a.epoch AND s.kind = 'application'
                ORDER BY s.client_epoch LIMIT 200 FOR UPDATE SKIP LOCKED) s
            WHERE a.backchannel_logout_uri IS NOT NULL)
        DELETE FROM sessions USING dead WHERE sessions.id = dead.id
        """;

    /// <returns>How many sessions it has deleted.</returns>
    public static async Task<int> RunAsync(Primary database, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var command = new NpgsqlCommand(Sweep, connection);
        return await command.ExecuteNonQueryAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await preparation.Completed.WaitAsync(stoppingToken);
        await new Repeating(clock, Explain, LogFailed).RunAsync(RunAsync, stoppingToken);
    }

    private static Setback? Explain(Exception exception) => exception is OperationCanceledException
        ? null : new Setback((DatabaseUnavailable.FindCause(exception) ?? exception).Message, RetryInterval);

    private async Task<TimeSpan?> RunAsync(CancellationToken stoppingToken)
    {
        var woken = signal.Next;
        if (await RunAsync(database, stoppingToken) > 0)
        {
            return Pause;
        }

        await woken.WaitAsync(IdleInterval, clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        stoppingToken.ThrowIfCancellationRequested();
        return TimeSpan.Zero;
    }

    [LoggerMessage(LogLevel.Warning, "Sessions that an application's new epoch ended cannot be deleted: {Reason}")]
    private partial void LogFailed(string reason);
}
