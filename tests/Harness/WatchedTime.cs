using Microsoft.Extensions.Time.Testing;

namespace AuthMesh.Tests.Harness;

/// <summary>A clock that a test moves, and that counts how often a caller began to wait for it.</summary>
internal sealed class WatchedTime : FakeTimeProvider
{
    private int waits;

    /// <summary>Completes when the n-th wait since the start begins.</summary>
    public Task UntilWatchedAsync(int count) => Patience.UntilAsync(() => Volatile.Read(ref waits) >= count);

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = base.CreateTimer(callback, state, dueTime, period);
        Interlocked.Increment(ref waits);
        return timer;
    }
}
