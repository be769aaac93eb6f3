namespace AuthMesh.Gateway.RateLimiting;

/// <summary>
/// Counts the requests of one class of routes in memory of fixed size: 2.7 MB. It never forgets a client to make room, and never refuses a
/// newcomer for lack of room. When the table of exact clients is full, a newcomer counts together with its neighbours: first those of a
/// wide network, then those of the widest one, whose counters have no keys and are therefore never full.
/// </summary>
/// <param name="rate">What a client may do.</param>
/// <param name="places">How many exact clients fit in at most; a multiple of 64.</param>
internal sealed class RateCounts(Rate rate, int places = 65_536)
{
    private readonly RateTable exact = new(rate, places), wide = new(rate, places / 4);
    private readonly long[] widest = new long[places / 4]; // the state of every network whose hash leads here

    /// <param name="key">The client.</param>
    /// <param name="now">A timestamp.</param>
    /// <param name="counts">Whether a request that fits is counted. Otherwise nothing changes.</param>
    /// <returns>How long the request has to wait; 0 if it fits.</returns>
    public long Judge(in RateKey key, long now, bool counts = true) =>
        exact.TryJudge(key.Exact, now, counts, out var wait) || wide.TryJudge(key.Wide, now, counts, out wait)
            ? wait
            : JudgeWidest(ref widest[(uint)key.Widest.GetHashCode() % (uint)widest.Length], now, counts);

    private long JudgeWidest(ref long forgottenAt, long now, bool counts)
    {
        while (true)
        {
            var seen = Volatile.Read(ref forgottenAt);
            var wait = rate.WaitOf(seen, now);
            if (wait > 0 || !counts || Interlocked.CompareExchange(ref forgottenAt, rate.After(seen, now), seen) == seen)
            {
                return wait;
            }
        }
    }
}
