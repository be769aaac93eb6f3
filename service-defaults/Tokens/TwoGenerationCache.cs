using System.Collections.Concurrent;

namespace AuthMesh.Tokens;

/// <summary>
/// A bounded cache of two generations. A hit in the older generation moves the entry to the newer one; when the newer one is full or old,
/// the older one is dropped as a whole, with everything that was not asked for. No entry keeps a time of use, and readers never wait.
/// </summary>
/// <param name="size">The number of entries at most. Half of them are sure to stay while they are in use. 0 caches nothing.</param>
/// <param name="clock">Measures the age of a generation.</param>
internal class TwoGenerationCache<TKey, TValue>(int size, TimeProvider clock)
    where TKey : notnull
    where TValue : class
{
    // In a quiet service, no entry stays for days only because too few others came.
    private static readonly TimeSpan GenerationTime = TimeSpan.FromMinutes(10);

    private readonly int generationSize = size / 2;
    private readonly Lock gate = new();
    private volatile ConcurrentDictionary<TKey, TValue> newer = NewGeneration();
    private volatile ConcurrentDictionary<TKey, TValue> older = NewGeneration();
    private long newerSince = clock.GetTimestamp();

    public int Count => newer.Count + older.Count;

    public TValue? Find(TKey key)
    {
        if (newer.TryGetValue(key, out var value) || !older.TryGetValue(key, out value))
        {
            return value;
        }

        if (gate.TryEnter()) // otherwise the next hit moves it
        {
            try
            {
                if (older.TryGetValue(key, out var still)) // and was not removed just now
                {
                    Keep(key, still);
                }
            }
            finally
            {
                gate.Exit();
            }
        }

        return value;
    }

    public void Add(TKey key, TValue value)
    {
        lock (gate)
        {
            Keep(key, value);
        }
    }

    public void Remove(TKey key)
    {
        lock (gate)
        {
            newer.TryRemove(key, out _);
            older.TryRemove(key, out _);
        }
    }

    private void Keep(TKey key, TValue value)
    {
        if (generationSize == 0)
        {
            return;
        }

        if (newer.Count >= generationSize || clock.GetElapsedTime(newerSince) >= GenerationTime)
        {
            older = newer;
            newer = NewGeneration();
            newerSince = clock.GetTimestamp();
        }

        newer[key] = value;
    }

    // Written under the gate only, so one lock inside is enough; readers take none.
    private static ConcurrentDictionary<TKey, TValue> NewGeneration() => new(concurrencyLevel: 1, capacity: 31);
}
