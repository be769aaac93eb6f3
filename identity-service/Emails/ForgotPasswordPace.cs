using System.Threading.RateLimiting;

namespace AuthMesh.Identity.Emails;

/// <summary>
/// Bounds the work that forgotten passwords cause at this replica: 10 a second from one network, after a first 100, and 100 a second in
/// all. Without it, a flood takes the processor from other requests. One network's flood leaves room for the others.
/// </summary>
internal sealed class ForgotPasswordPace(TimeProvider clock) : IDisposable
{
    private static readonly TimeSpan Period = TimeSpan.FromMilliseconds(100);

    // A dropped request waits, or its sender would repeat it at once.
    private static readonly TimeSpan PauseOfDropped = TimeSpan.FromSeconds(1);

    private readonly PartitionedRateLimiter<string> networks = PartitionedRateLimiter.Create<string, string>(network =>
        RateLimitPartition.GetTokenBucketLimiter(
            network, _ => new() { TokenLimit = 100, TokensPerPeriod = 1, ReplenishmentPeriod = Period }));

    private readonly TokenBucketRateLimiter all = new(new()
    {
        TokenLimit = 10, TokensPerPeriod = 10, ReplenishmentPeriod = Period,
        QueueLimit = 200, // two seconds
    });

    /// <returns>Whether the request may go on. If not, it is dropped: whether the account exists has no part in it.</returns>
    public async Task<bool> WaitAsync(string network, CancellationToken cancellationToken)
    {
        using var own = networks.AttemptAcquire(network);
        if (own.IsAcquired)
        {
            using var turn = await all.AcquireAsync(permitCount: 1, cancellationToken);
            if (turn.IsAcquired)
            {
                return true;
            }
        }

        await Task.Delay(PauseOfDropped, clock, cancellationToken);
        return false;
    }

    public void Dispose()
    {
        networks.Dispose();
        all.Dispose();
    }
}
