namespace AuthMesh;

/// <summary>Why an attempt failed.</summary>
/// <param name="Reason">For the log.</param>
/// <param name="RetryAfter">How long to wait before the next attempt.</param>
public readonly record struct Setback(string Reason, TimeSpan RetryAfter);

/// <summary>
/// Runs background work that must survive outages of its dependencies: try, log each reason once, wait, try again. Use one for each loop.
/// </summary>
/// <param name="clock">Measures the pauses.</param>
/// <param name="explain">
/// Explains why an attempt failed. It returns null for an exception that no later attempt can cure, and that ends the loop.
/// </param>
/// <param name="logFailure">Logs a reason. It runs once per reason, until another reason comes or the work succeeds.</param>
/// <param name="logRecovery">Logs that the work succeeds again after a failure.</param>
public sealed class Repeating(
    TimeProvider clock, Func<Exception, Setback?> explain, Action<string>? logFailure = null, Action? logRecovery = null)
{
    private string? lastReason;

    /// <summary>Repeats the work until it is finished or the service stops.</summary>
    /// <param name="work">One attempt. It returns how long to wait before the next one, or null when all is done.</param>
    /// <param name="stoppingToken">Ends the loop with an <see cref="OperationCanceledException"/>.</param>
    public async Task RunAsync(Func<CancellationToken, Task<TimeSpan?>> work, CancellationToken stoppingToken)
    {
        while (true)
        {
            TimeSpan pause;
            try
            {
                if (await work(stoppingToken) is not { } next)
                {
                    return;
                }

                Succeeded();
                pause = next;
            }
            catch (Exception exception) when (explain(exception) is { } setback)
            {
                stoppingToken.ThrowIfCancellationRequested(); // a failure while the service stops is not worth a log line
                Failed(setback.Reason);
                pause = setback.RetryAfter;
            }

            await Task.Delay(pause, clock, stoppingToken);
        }
    }

    /// <summary>Reports success after a failure. Long-running work calls it after every successful step.</summary>
    public void Succeeded()
    {
        if (lastReason is not null)
        {
            lastReason = null;
            logRecovery?.Invoke();
        }
    }

    private void Failed(string reason)
    {
        if (lastReason != reason)
        {
            lastReason = reason;
            logFailure?.Invoke(reason);
        }
    }
}
