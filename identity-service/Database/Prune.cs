using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace AuthMesh.Identity.Database;

/// <summary>
/// Removes, once an hour, what nobody can use or ask for any more: dead sessions, entries of the revocation log whose tokens are gone, and
/// counts of attempts whose window is over.
/// </summary>
internal sealed partial class Prune(IServiceScopeFactory scopes, TimeProvider clock, ILogger<Prune> logger) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromHours(1);

    private const int BatchSize = 1_000; // a lock on each, and for some an entry in the log, for as long as the statement takes

    // Dead is for good, so what was dead in the snapshot is dead now. Replicas skip each other's rows, and those of a request.
    private const string DeleteDead =
        """
        WITH dead AS (
            SELECT s.id FROM sessions s JOIN users u ON u.id = s.user_id
            WHERE s.ended_at IS NOT NULL OR s.expires_at <= now() OR s.epoch < u.epoch
            LIMIT @batch FOR UPDATE OF s SKIP LOCKED)
        DELETE FROM sessions USING dead WHERE sessions.id = dead.id
        """;

    // The longest life of a token and ten minutes. The newest entry stays, so that the log always has a position.
    private const string DeleteSpent =
        """
        DELETE FROM revocations
        WHERE written_at < now() - interval '70 minutes' AND position < (SELECT max(position) FROM revocations)
        """;

    // A row whose window is over is as good as none. Those that an attempt begins anew at this moment are skipped, and live on.
    private const string DeleteOver =
        """
        DELETE FROM attempt_counts WHERE key = ANY (ARRAY(
            SELECT key FROM attempt_counts WHERE resets_at <= now() LIMIT @batch FOR UPDATE SKIP LOCKED))
        """;

    /// <returns>How many sessions that were.</returns>
    public static async Task<int> RunAsync(IdentityDb db, CancellationToken cancellationToken)
    {
        db.Database.SetCommandTimeout(TimeSpan.FromMinutes(1)); // the tables are read as a whole
        await db.Database.ExecuteSqlRawAsync(DeleteSpent, cancellationToken);
        await DeleteAsync(db, DeleteOver, cancellationToken);
        return await DeleteAsync(db, DeleteDead, cancellationToken);
    }

    private static async Task<int> DeleteAsync(IdentityDb db, string batch, CancellationToken cancellationToken)
    {
        int deleted = 0, last;
        do
        {
            last = await db.Database.ExecuteSqlRawAsync(batch, [new NpgsqlParameter("batch", BatchSize)], cancellationToken);
            deleted += last;
        }
        while (last == BatchSize);
        return deleted;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, clock);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await using var scope = scopes.CreateAsyncScope();
                LogPruned(await RunAsync(scope.ServiceProvider.GetRequiredService<IdentityDb>(), stoppingToken));
            }
            catch (Exception exception) when (DatabaseUnavailable.FindCause(exception) is { } cause)
            {
                LogPutOff(cause.Message);
            }
        }
    }

    [LoggerMessage(LogLevel.Information, "Removed {Count} sessions that had ended or expired")]
    private partial void LogPruned(int count);

    [LoggerMessage(LogLevel.Warning, "What is dead stays for another hour: {Reason}")]
    private partial void LogPutOff(string reason);
}
