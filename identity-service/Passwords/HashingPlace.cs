
namespace AuthMesh.Identity.Passwords;

/// <summary>Who wants a password hashed, as far as the lane must know to be fair.</summary>
/// <param name="Network">Where the request began, as <see cref="CallerAddress.NetworkOf"/> says.</param>
/// <param name="Account">The name that was typed, without case, or the id of who is signed in.</param>
/// <param name="IsKnownDevice">Whether the request comes from a device or a session that has shown the account's password before.</param>
internal sealed record Applicant(string Network, string Account, bool IsKnownDevice);

/// <summary>A place in the lane, for one hash after another. Disposing it makes room for the next.</summary>
internal sealed class HashingPlace(HashingLane lane, Applicant applicant, CancellationToken cancellationToken) : IDisposable
{
    private TaskCompletionSource<bool>? done;
    private Action? work;
    private Exception? fault;

    public Applicant Applicant { get; } = applicant;

    /// <summary>Runs <paramref name="work"/> in its turn.</summary>
    /// <returns>Its result, or null where the wait would be too long.</returns>
    /// <exception cref="OperationCanceledException">The caller left before the work began.</exception>
    public async Task<T?> RunAsync<T>(Func<T> work)
        where T : class
    {
        T? result = null;
        return await lane.RunAsync(this, () => result = work(), cancellationToken) ? result : null;
    }

    public void Dispose() => lane.Leave(this);

    /// <summary>Does the work, on a thread of the lane.</summary>
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

    // What follows is read and changed under the lane's lock.

    internal PlaceState State { get; private set; }

    /// <summary>Whether it had a hash. Then it is not pushed out any more: what was spent on it would be lost.</summary>
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
    /// <summary>With no work: before the first, between two, after the last.</summary>
    Idle,
    Waiting,
    Running,
    /// <summary>Left, or pushed out.</summary>
    Gone,
}
