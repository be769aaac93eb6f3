using System.Threading.RateLimiting;

namespace AuthMesh.Identity.Emails;

/// <summary>
/// Lets this replica take at most 100 forgotten passwords in a second. A flood of them then leaves the processor to other requests. A
/// request in excess waits for its turn; if 200 wait, it is dropped.
/// </summary>
internal sealed class ForgotPasswordPace : IDisposable
{
    private readonly TokenBucketRateLimiter limiter = new(new()
    {
        TokenLimit = 10,
        TokensPerPeriod = 10,
        ReplenishmentPeriod = TimeSpan.FromMilliseconds(100),
        QueueLimit = 200, // two seconds
        QueueProcessingOrder = QueueProcessingOrder.OldestFirst,
    });

    /// <returns>Whether the request may go on.</returns>
    public async Task<bool> WaitAsync(CancellationToken cancellationToken)
    {
        using var lease = await limiter.AcquireAsync(permitCount: 1, cancellationToken);
        return lease.IsAcquired;
    }

    public void Dispose() => limiter.Dispose();
}
