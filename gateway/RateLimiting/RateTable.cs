namespace AuthMesh.Gateway.RateLimiting;

/// <summary>
/// A table of fixed size with the state of clients. A client whose requests are forgotten leaves its place to others, so nothing cleans up.
/// A key has sixteen possible places. When others hold them all, it finds none.
/// </summary>
/// <param name="rate">What a client may do.</param>
/// <param name="places">How many clients fit in at most: a multiple of sixteen. Each takes 32 bytes.</param>
internal sealed class RateTable(Rate rate, int places)
{
    private const int Ways = 16;

    private readonly Place[] all = new Place[places];
    private readonly Lock[] locks = [.. Enumerable.Range(0, 64).Select(_ => new Lock())]; // callers seldom meet at one of them

    /// <param name="key">The client.</param>
    /// <param name="now">A timestamp.</param>
    /// <param name="counts">Whether a request that fits is counted. Otherwise nothing changes.</param>
    /// <param name="wait">How long the request has to wait; 0 if it fits.</param>
    /// <returns>Whether the client has a place. Otherwise nothing was judged.</returns>
    public bool TryJudge(UInt128 key, long now, bool counts, out long wait)
    {
        // The hash has a seed of this process, so nobody can choose addresses that meet at one set.
        var set = (int)((uint)key.GetHashCode() % (uint)(all.Length / Ways));
        lock (locks[set % locks.Length])
        {
            var found = Find(all.AsSpan(set * Ways, Ways), key, now);
            wait = 0;
            if (found < 0)
            {
                return false;
            }

            ref var place = ref all[(set * Ways) + found];
            var forgottenAt = place.Key == key ? place.ForgottenAt : 0;
            wait = rate.WaitOf(forgottenAt, now);
            if (wait == 0 && counts)
            {
                place = new(key, rate.After(forgottenAt, now));
            }

            return true;
        }
    }

    private static int Find(ReadOnlySpan<Place> ways, UInt128 key, long now)
    {
        var free = -1;
        for (var i = 0; i < ways.Length; i++)
        {
            if (ways[i].Key == key)
            {
                return i;
            }

            if (free < 0 && ways[i].ForgottenAt <= now)
            {
                free = i;
            }
        }

        return free;
    }

    private readonly record struct Place(UInt128 Key, long ForgottenAt);
}
