namespace AuthMesh.Identity.Mail;

/// <summary>Tells this replica's worker that the outbox has a new mail.</summary>
internal sealed class MailSignal
{
    private TaskCompletionSource woken = New();

    /// <summary>Completes at the next <see cref="Wake"/>. Take it before looking into the outbox, or a mail may be missed.</summary>
    public Task Next => Volatile.Read(ref woken).Task;

    public void Wake() => Interlocked.Exchange(ref woken, New()).SetResult();

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
