using System.Collections.Concurrent;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;

namespace AuthMesh.Identity.OpenId.BackchannelLogout;

/// <summary>
/// Tells applications of ended sessions, each at least once while it answers. Every replica runs this. The triggers of
/// <c>logout_deliveries.sql</c> wake it; while anything waits, it also polls, for the next tries and for the leases of a replica that died.
/// </summary>
internal sealed partial class DeliverLogouts(
    LogoutQueue queue, SendLogoutToken send, LogoutTokens tokens, LogoutMetrics metrics, SecurityEvents events,
    Signal<DeliverLogouts> signal, Preparation preparation, TimeProvider clock, ILogger<DeliverLogouts> logger) : BackgroundService
{
    private static readonly TimeSpan PollInterval = TimeSpan.FromSeconds(5), IdleInterval = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan RetryInterval = TimeSpan.FromSeconds(1);

    // Only the loop changes these. A try is under way until PostgreSQL knows its outcome.
    private readonly Dictionary<Guid, (string Host, Task Try)> underWay = [];
    private readonly ConcurrentQueue<LogoutOutcome> unsaved = new();

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await preparation.Completed.WaitAsync(stoppingToken);
        try
        {
            await new Repeating(clock, Explain, LogFailed).RunAsync(RunAsync, stoppingToken);
        }
        finally
        {
            await FinishAsync();
        }
    }

    // No fault may end the service, which does more than tell applications.
    private static Setback? Explain(Exception exception) => exception is OperationCanceledException
        ? null : new Setback((DatabaseUnavailable.FindCause(exception) ?? exception).Message, RetryInterval);

    private async Task<TimeSpan?> RunAsync(CancellationToken stoppingToken)
    {
        var woken = signal.Next;
        await SaveAsync(stoppingToken);
        var isAnyLeft = true;
        if (tokens.CanMint)
        {
            (var logouts, isAnyLeft) = await queue.LeaseAsync(CountByHost(), stoppingToken);
            foreach (var logout in logouts)
            {
                underWay[logout.Id] = (logout.Host, TryAsync(logout));
            }
        }

        await woken.WaitAsync(isAnyLeft ? PollInterval : IdleInterval, clock, stoppingToken)
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        stoppingToken.ThrowIfCancellationRequested();
        return TimeSpan.Zero;
    }

    private Dictionary<string, int> CountByHost() => underWay.Values.CountBy(one => one.Host).ToDictionary();

    private async Task TryAsync(LeasedLogout logout)
    {
        await Task.Yield(); // the loop leases for others meanwhile
        string? failure;
        try
        {
            failure = await send.RunAsync(logout);
        }
        catch (Exception exception) // a defect, which must not hold up others
        {
            LogFault(exception, logout.ClientId, logout.SessionId);
            failure = "it cannot be sent";
        }

        unsaved.Enqueue(new LogoutOutcome(logout, failure));
        signal.Wake();
    }

    private async Task SaveAsync(CancellationToken cancellationToken)
    {
        if (unsaved.ToArray() is not { Length: > 0 } outcomes)
        {
            return;
        }

        await queue.SaveAsync(outcomes, cancellationToken);
        foreach (var outcome in outcomes)
        {
            unsaved.TryDequeue(out _);
            underWay.Remove(outcome.Logout.Id);
            Report(outcome);
        }
    }

    private void Report(LogoutOutcome outcome)
    {
        metrics.Count(outcome);
        var (logout, failure) = outcome;
        if (failure is null)
        {
            LogDelivered(logout.ClientId, logout.SessionId, logout.Attempt);
        }
        else if (outcome.IsOver)
        {
            events.Write(SecurityEvent.LogoutUndelivered(logout.UserId, logout.SessionId, $"{logout.ClientId}: {failure}"), context: null);
        }
        else
        {
            LogPostponed(logout.ClientId, logout.SessionId, logout.Attempt, failure);
        }
    }

    // A try that is cut off might come twice. Each ends within 5 s, and the service has 20 s to stop.
    private async Task FinishAsync()
    {
        await Task.WhenAll(underWay.Values.Select(one => one.Try));
        try
        {
            await SaveAsync(CancellationToken.None);
        }
        catch (Exception exception) when (DatabaseUnavailable.FindCause(exception) is { } cause)
        {
            LogFailed(cause.Message);
        }
    }

    [LoggerMessage(LogLevel.Debug, "The application {ClientId} knows of the end of the session {SessionId}, at try {Attempt}")]
    private partial void LogDelivered(string clientId, Guid sessionId, int attempt);

    [LoggerMessage(LogLevel.Debug,
        "The application {ClientId} does not know of the end of the session {SessionId} yet, at try {Attempt}: {Reason}")]
    private partial void LogPostponed(string clientId, Guid sessionId, int attempt, string reason);

    [LoggerMessage(LogLevel.Error, "The end of the session {SessionId} cannot be sent to the application {ClientId}")]
    private partial void LogFault(Exception exception, string clientId, Guid sessionId);

    [LoggerMessage(LogLevel.Warning, "The ended sessions to tell applications of cannot be read: {Reason}")]
    private partial void LogFailed(string reason);
}
