namespace AuthMesh.Identity.Platform;

/// <summary>Wakes a background worker of this replica. Workers of other replicas find it when they poll.</summary>
/// <typeparam name="TWorker">The worker.</typeparam>
internal sealed class Signal<TWorker>
{
    private TaskCompletionSource woken = New();

    /// <summary>Completes at the next <see cref="Wake"/>. Take it before looking for work, or some may be missed.</summary>
    public Task Next => Volatile.Read(ref woken).Task;

    public void Wake() => Interlocked.Exchange(ref woken, New()).SetResult();

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
