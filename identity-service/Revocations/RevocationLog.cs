using System.Diagnostics;
using AuthMesh.Requests;
using AuthMesh.Tokens;

namespace AuthMesh.Identity.Revocations;

/// <summary>
/// This replica's copy of the log, from which it feeds its connected verifiers. <see cref="FollowRevocations"/> writes it; the feeds read
/// it without a database query.
/// </summary>
internal sealed class RevocationLog
{
    private readonly Lock gate = new();
    private readonly List<Revocation> entries = []; // by position
    private TaskCompletionSource changed = NewSignal();
    private TaskCompletionSource asked = NewSignal();
    private long lastBegun;
    private long lastConfirmed;
    private long begunAt, confirmedAsOf; // by Stopwatch

    /// <summary>The newest entry, or null if the log is empty.</summary>
    public Revocation? Tail
    {
        get
        {
            lock (gate)
            {
                return entries is [.., var tail] ? tail : null;
            }
        }
    }

    /// <summary>Completes when a caller asks for a confirmation.</summary>
    public Task Asked
    {
        get
        {
            lock (gate)
            {
                return asked.Task;
            }
        }
    }

    /// <summary>Asks for a confirmation without waiting for the next beat.</summary>
    /// <returns>The number of the first confirmation that covers everything committed before this call.</returns>
    public long AskForConfirmation()
    {
        lock (gate)
        {
            asked.TrySetResult();
            return lastBegun + 1; // a confirmation in progress may have read the database before this call
        }
    }

    /// <summary>Begins a confirmation. Call it before querying the database.</summary>
    public long BeginConfirmation()
    {
        lock (gate)
        {
            asked = NewSignal();
            begunAt = Stopwatch.GetTimestamp();
            return ++lastBegun;
        }
    }

    /// <summary>Completes a confirmation with all entries that the database has after the tail.</summary>
    public void Confirm(long number, IReadOnlyList<Revocation> news, DateTimeOffset databaseTime)
    {
        lock (gate)
        {
            entries.AddRange(news);
            // Keep the newest entry at any age, because it marks the position.
            var outdated = entries.FindIndex(entry => databaseTime - entry.WrittenAt <= AccessTokenLifetime.Remembered);
            entries.RemoveRange(0, outdated < 0 ? Math.Max(0, entries.Count - 1) : outdated);
            (lastConfirmed, confirmedAsOf) = (number, begunAt);
            Signal();
        }
    }

    /// <summary>Empties the copy, because the database no longer has its tail and therefore has another history.</summary>
    /// <returns>The removed entries.</returns>
    public IReadOnlyList<Revocation> StartAnew()
    {
        lock (gate)
        {
            var lost = entries.ToList();
            entries.Clear();
            return lost;
        }
    }

    /// <summary>Returns all entries after a listener's position, or all entries if the position is unknown.</summary>
    public Unseen ReadAfter(LogPosition? position)
    {
        lock (gate)
        {
            var seen = position is { } known
                ? entries.FindLastIndex(entry => entry.Position == known.Position && entry.Mark == known.Mark) : -1;
            return new Unseen(
                entries.GetRange(seen + 1, entries.Count - seen - 1), lastConfirmed, Stopwatch.GetElapsedTime(confirmedAsOf), changed.Task);
        }
    }

    private void Signal()
    {
        changed.SetResult();
        changed = NewSignal();
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}

/// <param name="Entries">In the order of the log.</param>
/// <param name="Confirmed">The number of the last confirmation.</param>
/// <param name="Age">The time since that confirmation began: what was committed later may be missing.</param>
/// <param name="Changed">Completes with the next confirmation.</param>
internal sealed record Unseen(IReadOnlyList<Revocation> Entries, long Confirmed, TimeSpan Age, Task Changed);

/// <summary>The id of an entry, which listeners send back in <c>Last-Event-ID</c>.</summary>
internal readonly record struct LogPosition(long Position, Guid Mark)
{
    public override string ToString() => $"{Position}-{Mark:N}";

    public static LogPosition? TryParse(string? text) =>
        text?.Split('-') is [var position, var mark]
        && RequestText.TryReadNumber(position, out var number)
        && Guid.TryParseExact(mark, "N", out var guid) && guid.ToString("N") == mark // lower case only
            ? new LogPosition(number, guid)
            : null;
}
