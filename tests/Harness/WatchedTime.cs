using Microsoft.Extensions.Time.Testing;

namespace AuthMesh.Tests.Harness;

/// <summary>A clock that a test moves, and that tells how often somebody began to wait for it.</summary>
internal sealed class WatchedTime : FakeTimeProvider
{
    private int waits;

    /// <summary>Returns when somebody waits for the n-th time since the start.</summary>
    public Task UntilWatchedAsync(int count) => Patience.UntilAsync(() => Volatile.Read(ref waits) >= count);

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = base.CreateTimer(callback, state, dueTime, period);
        Interlocked.Increment(ref waits);
        return timer;
    }
}
