using System.Collections.Concurrent;

namespace AuthMesh.Bench.FailOver;

/// <summary>What the mesh acknowledged to the clients in one round, and what it answered otherwise.</summary>
internal sealed class Acknowledged
{
    private readonly ConcurrentDictionary<string, int> failures = new();
    private int requests, underWay;

    /// <summary>The names of users whose registration was acknowledged.</summary>
    public ConcurrentQueue<string> Registrations { get; } = new();

    /// <summary>Users and their new passwords. A user changes the password once.</summary>
    public ConcurrentQueue<(string Username, string Password)> PasswordChanges { get; } = new();

    public ConcurrentQueue<EndedSession> Revocations { get; } = new();

    /// <summary>When a write was acknowledged, by <see cref="System.Diagnostics.Stopwatch"/>.</summary>
    public ConcurrentQueue<long> Writes { get; } = new();

    public int Requests => requests;

    /// <summary>The clients whose turn began in this round and has not ended.</summary>
    public int UnderWay => Volatile.Read(ref underWay);

    /// <summary>Failed requests by status, such as "503 × 12".</summary>
    public string Failures => failures.IsEmpty ? "none" : string.Join(
        ", ", failures.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => $"{pair.Key} × {pair.Value}"));

    public void Begin() => Interlocked.Increment(ref underWay);

    public void End() => Interlocked.Decrement(ref underWay);

    public void Count(string? failure)
    {
        Interlocked.Increment(ref requests);
        if (failure is not null)
        {
            failures.AddOrUpdate(failure, 1, (_, count) => count + 1);
        }
    }

    /// <summary>The longest time without an acknowledged write.</summary>
    public TimeSpan LongestPause()
    {
        var times = Writes.Order().ToList();
        return times.Count < 2 ? TimeSpan.Zero
            : times.Zip(times.Skip(1), System.Diagnostics.Stopwatch.GetElapsedTime).Max();
    }
}

/// <summary>A session whose end was acknowledged.</summary>
/// <param name="SessionId">The session.</param>
/// <param name="Token">Its access token, which no verifier may accept any more.</param>
/// <param name="RefreshToken">Its refresh token.</param>
/// <param name="At">When the answer came, by <see cref="System.Diagnostics.Stopwatch"/>.</param>
internal sealed record EndedSession(Guid SessionId, string Token, string RefreshToken, long At);
