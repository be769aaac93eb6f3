using AuthMesh.Requests;
using AuthMesh.Tokens;

namespace AuthMesh.Identity.Revocations;

/// <summary>
/// This replica's copy of the log, from which it feeds the verifiers that listen to it. <see cref="FollowRevocations"/> writes it;
/// listeners read it without asking the database.
/// </summary>
internal sealed class RevocationLog
{
    private readonly Lock gate = new();
    private readonly List<Revocation> entries = []; // by position
    private TaskCompletionSource changed = NewSignal();
    private TaskCompletionSource asked = NewSignal();
    private long lastBegun;
    private long lastConfirmed;

    /// <summary>The newest entry, or null where there was none yet.</summary>
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

    /// <summary>Ends when somebody wants to know whether this copy is complete.</summary>
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
    /// <returns>The number that confirmations must reach for everything committed before this call to be in here.</returns>
    public long AskForConfirmation()
    {
        lock (gate)
        {
            asked.TrySetResult();
            return lastBegun + 1; // one that is under way may have looked before
        }
    }

    /// <summary>To be called before the database is asked.</summary>
    public long BeginConfirmation()
    {
        lock (gate)
        {
            asked = NewSignal();
            return ++lastBegun;
        }
    }

    /// <summary>The database was asked, and these entries are all that follows the tail.</summary>
    public void Confirm(long number, IReadOnlyList<Revocation> news, DateTimeOffset databaseTime)
    {
        lock (gate)
        {
            entries.AddRange(news);
            // The newest stays however old it is: it is the name of the position.
            var outdated = entries.FindIndex(entry => databaseTime - entry.WrittenAt <= AccessTokenLifetime.Remembered);
            entries.RemoveRange(0, outdated < 0 ? Math.Max(0, entries.Count - 1) : outdated);
            lastConfirmed = number;
            Signal();
        }
    }

    /// <summary>The database does not know the tail: what is known here was another history of it.</summary>
    /// <returns>What it does not know any more.</returns>
    public IReadOnlyList<Revocation> StartAnew()
    {
        lock (gate)
        {
            var lost = entries.ToList();
            entries.Clear();
            return lost;
        }
    }

    /// <summary>What a listener has not seen yet: all that follows its position, or everything where the position is not known.</summary>
    public Unseen ReadAfter(LogPosition? position)
    {
        lock (gate)
        {
            var seen = position is { } known
                ? entries.FindLastIndex(entry => entry.Position == known.Position && entry.Mark == known.Mark) : -1;
            return new Unseen(entries.GetRange(seen + 1, entries.Count - seen - 1), lastConfirmed, changed.Task);
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
/// <param name="Changed">Ends with the next one.</param>
internal sealed record Unseen(IReadOnlyList<Revocation> Entries, long Confirmed, Task Changed);

/// <summary>The name of an entry, as listeners repeat it in <c>Last-Event-ID</c>.</summary>
internal readonly record struct LogPosition(long Position, Guid Mark)
{
    public override string ToString() => $"{Position}-{Mark:N}";

    public static LogPosition? TryParse(string? text) =>
        text?.Split('-') is [var position, var mark]
        && RequestText.TryReadNumber(position, out var number)
        && Guid.TryParseExact(mark, "N", out var guid) && guid.ToString("N") == mark // one spelling
            ? new LogPosition(number, guid)
            : null;
}
