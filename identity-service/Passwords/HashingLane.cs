using System.Diagnostics.Metrics;
using AuthMesh.Errors;
using Microsoft.Extensions.Options;

namespace AuthMesh.Identity.Passwords;

/// <summary>
/// A few threads that only hash, behind a bounded number of places. On the thread pool, a flood of logins would block every thread for a
/// quarter of a second, and with them the requests that need no hash. Known devices and strangers each get half of the places and turns,
/// and either half may use what the other leaves free. Within a half, networks take turns; within a network, accounts.
/// </summary>
internal sealed class HashingLane : IDisposable
{
    public static readonly Failure Full = CommonFailures.Unavailable(
        "overloaded", "Too many passwords are being checked right now", TimeSpan.FromSeconds(2));

    // A caller who is refused at once retries at once, and a flood of such answers takes more processor time than the hashes.
    private static readonly TimeSpan HoldBack = TimeSpan.FromMilliseconds(250);
    private const int MostHeldBack = 1_000; // at about 20 KB each; the lane refuses any further caller at once

    private readonly Lock gate = new();
    private readonly FairQueue known = new(), strangers = new();
    private readonly HashingThreads threads;
    private readonly HashingMetrics metrics;
    private readonly TimeProvider clock;
    private readonly TimeSpan longestWait;
    private readonly int capacity;
    private int idleThreads;
    private int heldBack;
    private bool wasKnownsTurn;
    private bool isStopping;

    public HashingLane(IOptions<HashingOptions> options, TimeProvider clock, IMeterFactory meters, ILogger<HashingLane> logger)
    {
        this.clock = clock;
        var hashing = options.Value;
        longestWait = hashing.LongestWait;
        idleThreads = hashing.Threads == 0 ? Environment.ProcessorCount : hashing.Threads;
        capacity = hashing.QueueLength + idleThreads;
        threads = new HashingThreads(idleThreads, Finish, logger);
        metrics = new HashingMetrics(
            meters, isKnown => Count(isKnown, queue => queue.Places), isKnown => Count(isKnown, queue => queue.Waiting));
    }

    /// <summary>Takes a place, before the service spends anything else on the caller.</summary>
    /// <returns>The place, or null, after a delay, if the lane is full.</returns>
    /// <exception cref="OperationCanceledException">The caller left during that delay.</exception>
    public async Task<HashingPlace?> EnterAsync(Applicant applicant, CancellationToken cancellationToken)
    {
        lock (gate)
        {
            if (!isStopping && MakeRoom(applicant))
            {
                return QueueOf(applicant).Add(new HashingPlace(this, applicant, cancellationToken));
            }
        }

        metrics.CountRefusal("full", applicant.IsKnownDevice);
        try
        {
            if (Interlocked.Increment(ref heldBack) <= MostHeldBack)
            {
                await Task.Delay(HoldBack, clock, cancellationToken);
            }

            return null;
        }
        finally
        {
            Interlocked.Decrement(ref heldBack);
        }
    }

    /// <returns>True if the work ran. False if the wait was too long or the place was evicted.</returns>
    internal async Task<bool> RunAsync(HashingPlace place, Action work, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        Task<bool> done;
        lock (gate)
        {
            if (place.State != PlaceState.Idle || isStopping)
            {
                return false;
            }

            done = place.Wait(work, clock.GetTimestamp());
            Dispatch();
        }

        await using var patience = clock.CreateTimer(
            _ => StopWaiting(place, place.Refuse, "deadline"), null, longestWait, Timeout.InfiniteTimeSpan);
        await using var leaving = cancellationToken.Register(() => StopWaiting(place, place.Cancel));
        return await done;
    }

    internal void Leave(HashingPlace place)
    {
        lock (gate)
        {
            QueueOf(place.Applicant).Remove(place);
            place.Leave();
        }
    }

    /// <summary>Finishes the hashes in progress and refuses all waiting callers.</summary>
    public void Dispose()
    {
        lock (gate)
        {
            if (isStopping)
            {
                return;
            }

            isStopping = true;
            while (Next() is { } place)
            {
                place.Refuse();
            }
        }

        threads.Dispose();
    }

    private FairQueue QueueOf(Applicant applicant) => applicant.IsKnownDevice ? known : strangers;

    // If all places are taken, a newcomer who holds less than its share takes the place of a party that holds more than its own.
    private bool MakeRoom(Applicant newcomer)
    {
        if (known.Places + strangers.Places < capacity)
        {
            return true;
        }

        var (own, other) = newcomer.IsKnownDevice ? (known, strangers) : (strangers, known);
        if (((own.Places < capacity / 2 ? other.FindLoser() : null) ?? own.FindLoser(newcomer)) is not { } loser)
        {
            return false;
        }

        metrics.CountRefusal("pushed_out", loser.Applicant.IsKnownDevice);
        Leave(loser);
        return true;
    }

    private void Dispatch()
    {
        while (idleThreads > 0 && Next() is { } place)
        {
            idleThreads--;
            metrics.RecordWait(clock.GetElapsedTime(place.WaitsSince), place.Applicant.IsKnownDevice);
            threads.Add(place);
        }
    }

    private HashingPlace? Next()
    {
        var next = wasKnownsTurn ? strangers.TakeNext() ?? known.TakeNext() : known.TakeNext() ?? strangers.TakeNext();
        wasKnownsTurn = next?.Applicant.IsKnownDevice ?? wasKnownsTurn;
        return next;
    }

    private void Finish(HashingPlace place)
    {
        lock (gate)
        {
            idleThreads++;
            place.Finish();
            Dispatch();
        }
    }

    private void StopWaiting(HashingPlace place, Action stop, string? refusal = null)
    {
        lock (gate)
        {
            if (place.State != PlaceState.Waiting)
            {
                return;
            }

            stop();
        }

        if (refusal is not null)
        {
            metrics.CountRefusal(refusal, place.Applicant.IsKnownDevice);
        }
    }

    private int Count(bool ofKnown, Func<FairQueue, int> count)
    {
        lock (gate)
        {
            return count(ofKnown ? known : strangers);
        }
    }
}
