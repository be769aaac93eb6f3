namespace AuthMesh;

/// <summary>Why an attempt failed.</summary>
/// <param name="Reason">For the log.</param>
/// <param name="RetryAfter">When to try again.</param>
public readonly record struct Setback(string Reason, TimeSpan RetryAfter);

/// <summary>
/// Background work that outlives what it needs: try, log each reason once, wait, try again. Use one for each loop.
/// </summary>
/// <param name="clock">Measures the pauses.</param>
/// <param name="explain">Tells why an attempt failed; null for an exception that no later attempt can cure, which ends the loop.</param>
/// <param name="logFailure">Logs a reason. It is called once for a reason, until another one comes or the work succeeds.</param>
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
                stoppingToken.ThrowIfCancellationRequested(); // what breaks while the service stops is no news
                Failed(setback.Reason);
                pause = setback.RetryAfter;
            }

            await Task.Delay(pause, clock, stoppingToken);
        }
    }

    /// <summary>To be called by work that goes on for long, whenever it succeeded with a step.</summary>
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
