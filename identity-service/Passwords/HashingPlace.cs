
namespace AuthMesh.Identity.Passwords;

/// <summary>A caller who wants a password hashed, with the facts that the lane needs to be fair.</summary>
/// <param name="Network">The request's origin, from <c>CallerAddress</c>.</param>
/// <param name="Account">The typed name in lower case, or the id of the signed-in user.</param>
/// <param name="IsKnownDevice">Whether the request comes from a device or session that has proved the account's password before.</param>
internal sealed record Applicant(string Network, string Account, bool IsKnownDevice);

/// <summary>A place in the lane, for one hash after another. Disposing it frees the place.</summary>
internal sealed class HashingPlace(HashingLane lane, Applicant applicant, CancellationToken cancellationToken) : IDisposable
{
    private TaskCompletionSource<bool>? done;
    private Action? work;
    private Exception? fault;

    public Applicant Applicant { get; } = applicant;

    /// <summary>Runs <paramref name="work"/> in its turn.</summary>
    /// <returns>Its result, or null if the wait was too long.</returns>
    /// <exception cref="OperationCanceledException">The caller left before the work began.</exception>
    public async Task<T?> RunAsync<T>(Func<T> work)
        where T : class
    {
        T? result = null;
        return await lane.RunAsync(this, () => result = work(), cancellationToken) ? result : null;
    }

    public void Dispose() => lane.Leave(this);

    /// <summary>Runs the work on a thread of the lane.</summary>
    internal void Hash()
    {
        try
        {
            work!();
        }
        catch (Exception exception)
        {
            fault = exception;
        }
    }

    // All members below are read and changed under the lane's lock.

    internal PlaceState State { get; private set; }

    /// <summary>Whether it has had a hash. The lane does not evict it after that, because the spent hash would be wasted.</summary>
    internal bool WasServed { get; private set; }

    internal long WaitsSince { get; private set; }

    internal FairQueue.Party Network { get; set; } = null!;

    internal FairQueue.Party Account { get; set; } = null!;

    internal Task<bool> Wait(Action work, long since)
    {
        (State, WaitsSince, this.work, fault) = (PlaceState.Waiting, since, work, null);
        done = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        return done.Task;
    }

    internal void Begin() => (State, WasServed) = (PlaceState.Running, true);

    internal void Finish()
    {
        State = State == PlaceState.Running ? PlaceState.Idle : State;
        _ = fault is null ? done!.TrySetResult(true) : done!.TrySetException(fault);
    }

    internal void Refuse()
    {
        State = PlaceState.Idle;
        done!.TrySetResult(false);
    }

    internal void Cancel()
    {
        State = PlaceState.Idle;
        done!.TrySetCanceled(cancellationToken);
    }

    internal void Leave()
    {
        State = PlaceState.Gone;
        done?.TrySetResult(false);
    }
}

internal enum PlaceState
{
    /// <summary>Without work: before the first hash, between two, or after the last.</summary>
    Idle,
    Waiting,
    Running,
    /// <summary>The caller left, or the lane evicted the place.</summary>
    Gone,
}
