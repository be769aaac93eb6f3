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
        var running = RunAsync(
            lane,
            () =>
            {
                started.Set();
                gate.Wait();
                return "running";
            },
            CancellationToken.None);
        started.Wait(TestContext.Current.CancellationToken);
        var waiting = Enumerable.Range(0, QueueLength).Select(i => RunAsync(lane, () => $"{i}", CancellationToken.None)).ToList();

        Assert.Null(await RunAsync(lane, () => "one too many", CancellationToken.None));
        Assert.All(waiting, task => Assert.False(task.IsCompleted));

        gate.Set();
        Assert.Equal("running", await running);
        Assert.Equal(Enumerable.Range(0, QueueLength).Select(i => $"{i}"), await Task.WhenAll(waiting));
        Assert.Equal("again", await RunAsync(lane, () => "again", CancellationToken.None));
    }

    [Fact]
    public async Task Work_runs_on_the_lanes_threads_and_what_follows_it_does_not()
    {
        using var lane = Lane(threads: 2);

        var name = await RunAsync(lane, () => Thread.CurrentThread.Name!, CancellationToken.None);

        Assert.StartsWith("hashing ", name, StringComparison.Ordinal);
        Assert.False(Thread.CurrentThread.Name?.StartsWith("hashing ", StringComparison.Ordinal) ?? false);
    }

    [Fact]
    public async Task Work_whose_caller_left_is_not_done()
    {
        using var lane = Lane(threads: 1);
        using var gate = new ManualResetEventSlim();
        using var leaving = new CancellationTokenSource();
        var first = RunAsync(
            lane,
            () =>
            {
                gate.Wait();
                return "first";
            },
            CancellationToken.None);
        var wasDone = false;
        var abandoned = RunAsync(
            lane,
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

        await Assert.ThrowsAsync<InvalidOperationException>(() => RunAsync<string>(lane, () => throw new InvalidOperationException("on purpose"), CancellationToken.None));
        Assert.Equal("next", await RunAsync(lane, () => "next", CancellationToken.None));
    }

    private static async Task<T?> RunAsync<T>(HashingLane lane, Func<T> work, CancellationToken cancellationToken)
        where T : class
    {
        using var place = await lane.EnterAsync(new Applicant("192.0.2.1", "alice", false), cancellationToken);
        return place is null ? null : await place.RunAsync(work);
    }

    private static HashingLane Lane(int threads) =>
        new(Options.Create(new IdentityOptions { Hashing = { Threads = threads, QueueLength = QueueLength } }));
}
