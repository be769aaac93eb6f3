using System.Collections.Concurrent;

namespace AuthMesh.Tokens;

/// <summary>
/// A bounded cache of two generations. A hit in the older generation moves the entry to the newer one. When the newer one is full or old,
/// the cache drops the older one as a whole, with every entry that had no hit. No entry keeps a time of use, and readers never wait.
/// </summary>
/// <param name="size">The maximum number of entries. Half as many are sure to stay while they are in use. 0 caches nothing.</param>
/// <param name="clock">Measures the age of a generation.</param>
internal class TwoGenerationCache<TKey, TValue>(int size, TimeProvider clock)
    where TKey : notnull
    where TValue : class
{
    // Without it, entries would stay for days in a quiet service, because too few others arrive.
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
                if (older.TryGetValue(key, out var still)) // unless it was removed just now
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

    // Only code under the gate writes, so one lock inside is enough. Readers take none.
    private static ConcurrentDictionary<TKey, TValue> NewGeneration() => new(concurrencyLevel: 1, capacity: 31);
}
