using AuthMesh.Identity;
using AuthMesh.Identity.Passwords;
using Microsoft.Extensions.Options;

namespace AuthMesh.Tests.Passwords;

public sealed class HashingLaneTests
{
    private const int QueueLength = 64;

    [Fact]
    public async Task When_every_place_is_taken_the_next_is_sent_away_at_once_and_the_queue_is_worked_through()
    {
        using var lane = Lane(threads: 1);
        using var gate = new ManualResetEventSlim();
        using var started = new ManualResetEventSlim();
        var running = lane.TryRunAsync(
            () =>
            {
                started.Set();
                gate.Wait();
                return "running";
            },
            CancellationToken.None);
        started.Wait(TestContext.Current.CancellationToken);
        var waiting = Enumerable.Range(0, QueueLength).Select(i => lane.TryRunAsync(() => $"{i}", CancellationToken.None)).ToList();

        Assert.Null(await lane.TryRunAsync(() => "one too many", CancellationToken.None));
        Assert.All(waiting, task => Assert.False(task.IsCompleted));

        gate.Set();
        Assert.Equal("running", await running);
        Assert.Equal(Enumerable.Range(0, QueueLength).Select(i => $"{i}"), await Task.WhenAll(waiting));
        Assert.Equal("again", await lane.TryRunAsync(() => "again", CancellationToken.None));
    }

    [Fact]
    public async Task Work_runs_on_the_lanes_threads_and_what_follows_it_does_not()
    {
        using var lane = Lane(threads: 2);

        var name = await lane.TryRunAsync(() => Thread.CurrentThread.Name!, CancellationToken.None);

        Assert.StartsWith("hashing ", name, StringComparison.Ordinal);
        Assert.False(Thread.CurrentThread.Name?.StartsWith("hashing ", StringComparison.Ordinal) ?? false);
    }

    [Fact]
    public async Task Work_whose_caller_left_is_not_done()
    {
        using var lane = Lane(threads: 1);
        using var gate = new ManualResetEventSlim();
        using var leaving = new CancellationTokenSource();
        var first = lane.TryRunAsync(
            () =>
            {
                gate.Wait();
                return "first";
            },
            CancellationToken.None);
        var wasDone = false;
        var abandoned = lane.TryRunAsync(
            () =>
            {
                wasDone = true;
                return "abandoned";
            },
            leaving.Token);

        await leaving.CancelAsync();
        gate.Set();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => abandoned);
        Assert.Equal("first", await first);
        Assert.False(wasDone);
    }

    [Fact]
    public async Task A_failure_reaches_its_caller_and_harms_no_other()
    {
        using var lane = Lane(threads: 1);

        await Assert.ThrowsAsync<InvalidOperationException>(() => lane.TryRunAsync<string>(() => throw new InvalidOperationException("on purpose"), CancellationToken.None));
        Assert.Equal("next", await lane.TryRunAsync(() => "next", CancellationToken.None));
    }

    private static HashingLane Lane(int threads) =>
        new(Options.Create(new IdentityOptions { Hashing = { Threads = threads, QueueLength = QueueLength } }));
}
