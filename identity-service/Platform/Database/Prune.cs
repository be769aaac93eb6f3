using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace AuthMesh.Identity.Platform.Database;

/// <summary>A module's statement that deletes obsolete rows.</summary>
/// <param name="Rows">The rows, for the log: "dead sessions".</param>
/// <param name="Sql">
/// Deletes at most <c>@batch</c> rows; it runs again while it deletes that many. Replicas run it concurrently, so it locks with
/// <c>SKIP LOCKED</c> or tolerates the deletes of others.
/// </param>
internal sealed record PruneStatement(string Rows, string Sql);

/// <summary>Runs the modules' <see cref="PruneStatement"/>s once an hour.</summary>
internal sealed partial class Prune(
    IServiceScopeFactory scopes, IEnumerable<PruneStatement> statements, TimeProvider clock, ILogger<Prune> logger)
    : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromHours(1);

    private const int BatchSize = 1_000; // one statement holds as many row locks, and each session may add an entry to the revocation log

    /// <returns>The number of deleted rows for each <see cref="PruneStatement.Rows"/>.</returns>
    public static async Task<IReadOnlyDictionary<string, int>> RunAsync(
        IdentityDb db, IEnumerable<PruneStatement> statements, CancellationToken cancellationToken)
    {
        db.Database.SetCommandTimeout(TimeSpan.FromMinutes(1)); // a statement reads its whole table
        var deleted = new Dictionary<string, int>();
        foreach (var statement in statements)
        {
            int last;
            do
            {
                last = await db.Database.ExecuteSqlRawAsync(statement.Sql, [new NpgsqlParameter("batch", BatchSize)], cancellationToken);
                deleted[statement.Rows] = deleted.GetValueOrDefault(statement.Rows) + last;
            }
            while (last == BatchSize);
        }

        return deleted;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.Delay(Interval, clock, stoppingToken);
        await new Repeating(clock, Explain, LogFailed).RunAsync(PruneAsync, stoppingToken);
    }

    private static Setback? Explain(Exception exception) =>
        DatabaseUnavailable.FindCause(exception) is { } cause ? new Setback(cause.Message, Interval) : null;

    private async Task<TimeSpan?> PruneAsync(CancellationToken cancellationToken)
    {
        await using var scope = scopes.CreateAsyncScope();
        var deleted = await RunAsync(scope.ServiceProvider.GetRequiredService<IdentityDb>(), statements, cancellationToken);
        LogPruned(string.Join(", ", deleted.Select(rows => $"{rows.Value} {rows.Key}")));
        return Interval;
    }

    [LoggerMessage(LogLevel.Information, "Cleanup removed {Rows}")]
    private partial void LogPruned(string rows);

    [LoggerMessage(LogLevel.Warning, "Cleanup failed, retrying in an hour: {Reason}")]
    private partial void LogFailed(string reason);
}
