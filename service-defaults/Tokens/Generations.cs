using System.Collections.Concurrent;

namespace AuthMesh.Tokens;

/// <summary>
/// Remembers what is in use. In two generations: what is found in the older one moves to the newer, and when that is full, or old, the
/// older one goes as a whole, with all that nobody asked for. So it stays bounded without any book about who was used when, and readers
/// never wait.
/// </summary>
/// <param name="size">How much is held at most. Half as much in use at one time is sure to be held; with 0 nothing is.</param>
/// <param name="clock">For the age of a generation.</param>
internal class Generations<TKey, TValue>(int size, TimeProvider clock)
    where TKey : notnull
    where TValue : class
{
    // Nothing lies here for days because a quiet service has not yet met enough others.
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

        if (gate.TryEnter()) // else the next one who asks moves it
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
