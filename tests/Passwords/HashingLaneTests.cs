namespace AuthMesh.Tests.Passwords;

public sealed class HashingLaneTests
{
    private static readonly TimeSpan HoldBack = TimeSpan.FromMilliseconds(250);

    [Fact]
    public async Task A_full_lane_refuses_the_next_caller_and_serves_the_queue()
    {
        using var lane = new LaneUnderTest(places: 65);
        await lane.HoldAsync();
        var waiting = Enumerable.Range(0, 64).Select(i => lane.Wait($"{i}")).ToList();

        var refused = lane.EnterAsync("one too many");
        lane.Clock.Advance(HoldBack);
        Assert.Null(await refused);
        Assert.All(waiting, waiter => Assert.False(waiter.Result.IsCompleted));

        lane.LetGo();
        Assert.Equal(Enumerable.Range(0, 64).Select(i => $"{i} alice"), await Task.WhenAll(waiting.Select(waiter => waiter.Result)));
        Assert.Equal("again alice", await lane.Wait("again").Result);
    }

    [Fact]
    public async Task Work_runs_on_the_lanes_threads_and_its_continuation_does_not()
    {
        using var lane = new LaneUnderTest(threads: 2);
        using var place = await lane.EnterAsync("here");

        var name = await place!.RunAsync(() => Thread.CurrentThread.Name!);

        Assert.StartsWith("hashing ", name, StringComparison.Ordinal);
        Assert.False(Thread.CurrentThread.Name?.StartsWith("hash", StringComparison.Ordinal) ?? false);
    }

    [Fact]
    public async Task Only_hashing_threads_have_the_lowest_priority()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "A thread has a priority of its own on Linux only.");
        using var lane = new LaneUnderTest(threads: 2);

        await lane.HoldAsync(threads: 2); // both run

        var lowest = Directory.GetDirectories("/proc/self/task").Select(Read).Where(stat => stat.Nice == 19)
            .Select(stat => stat.Name).ToList();
        Assert.Contains("hashing 0", lowest);
        Assert.Contains("hashing 1", lowest);
        Assert.DoesNotContain(lowest, name => !name.StartsWith("hashing ", StringComparison.Ordinal));

        // proc(5): the name in parentheses, then the fields from the third on; nice is the nineteenth.
        static (string Name, int Nice) Read(string task)
        {
            try
            {
                var stat = File.ReadAllText(Path.Combine(task, "stat"));
                var end = stat.LastIndexOf(')');
                return (stat[(stat.IndexOf('(', StringComparison.Ordinal) + 1)..end], int.Parse(stat[(end + 2)..].Split(' ')[16], null));
            }
            catch (IOException)
            {
                return ("gone meanwhile", 0);
            }
        }
    }

    [Fact]
    public async Task One_place_runs_several_hashes_one_after_another()
    {
        using var lane = new LaneUnderTest();
        using var place = await lane.EnterAsync("here");

        Assert.Equal("first", await place!.RunAsync(() => "first"));
        Assert.Equal("second", await place.RunAsync(() => "second"));
        Assert.Equal(1, lane.Read("hashing.places unknown"));
    }

    [Fact]
    public async Task An_exception_reaches_its_caller_and_leaves_the_lane_working()
    {
        using var lane = new LaneUnderTest();
        using var place = await lane.EnterAsync("here");

        await Assert.ThrowsAsync<InvalidOperationException>(
            () => place!.RunAsync<string>(() => throw new InvalidOperationException("on purpose")));
        Assert.Equal("next", await place!.RunAsync(() => "next"));
    }

    [Fact]
    public async Task A_caller_that_waited_too_long_is_refused_and_a_later_one_is_served()
    {
        using var lane = new LaneUnderTest();
        var held = await lane.HoldAsync();
        var tooLong = lane.Wait("first");
        lane.Clock.Advance(LaneUnderTest.LongestWait - TimeSpan.FromMilliseconds(1));
        var later = lane.Wait("later");
        Assert.False(tooLong.Result.IsCompleted);
        lane.Clock.Advance(TimeSpan.FromMilliseconds(1));

        Assert.Null(await tooLong.Result);
        Assert.Equal(1, lane.Read("hashing.refusals deadline unknown"));
        lane.LetGo();
        Assert.Equal("later alice", await later.Result);
        Assert.Equal("held 0 alice", await held[0].Result); // its hash was running, and a running hash has no deadline
        Assert.DoesNotContain("first alice", lane.Begun);
    }

    [Fact]
    public async Task A_refusal_is_delayed()
    {
        using var lane = new LaneUnderTest(places: 1);
        await lane.HoldAsync();

        var refused = lane.EnterAsync("somewhere");
        lane.Clock.Advance(HoldBack - TimeSpan.FromMilliseconds(1));
        Assert.False(refused.IsCompleted);
        lane.Clock.Advance(TimeSpan.FromMilliseconds(1));

        Assert.Null(await refused);
        Assert.Equal(1, lane.Read("hashing.refusals full unknown"));
    }

    [Fact]
    public async Task At_most_a_thousand_refusals_are_delayed_at_a_time()
    {
        using var lane = new LaneUnderTest(places: 1);
        await lane.HoldAsync();
        using var leaving = new CancellationTokenSource();
        var heldBack = Enumerable.Range(0, 1_000).Select(i => lane.EnterAsync($"{i}", leaving: leaving)).ToList();

        Assert.True(lane.EnterAsync("beyond").IsCompletedSuccessfully);
        Assert.All(heldBack, refused => Assert.False(refused.IsCompleted));

        await leaving.CancelAsync(); // a caller that leaves frees its slot among the delayed refusals
        foreach (var refused in heldBack)
        {
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => refused);
        }

        Assert.False(lane.EnterAsync("later").IsCompleted);
    }

    [Fact]
    public async Task Nothing_is_hashed_for_a_caller_who_left_the_queue()
    {
        using var lane = new LaneUnderTest();
        await lane.HoldAsync();
        using var leaving = new CancellationTokenSource();
        var abandoned = lane.Wait("first", leaving: leaving);
        var next = lane.Wait("next");

        await leaving.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => abandoned.Result);
        lane.LetGo();

        Assert.Equal("next alice", await next.Result);
        Assert.DoesNotContain("first alice", lane.Begun);
    }

    [Fact]
    public async Task Nothing_is_hashed_for_a_caller_who_left_before_queueing()
    {
        using var lane = new LaneUnderTest();
        using var leaving = new CancellationTokenSource();
        var place = await lane.EnterAsync("here", leaving: leaving);

        await leaving.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => lane.Wait(place!, "left").Result);
        Assert.Empty(lane.Begun);
        Assert.Equal(0, lane.Read("hashing.places unknown"));
    }

    [Fact]
    public async Task A_running_hash_finishes_even_if_its_caller_leaves()
    {
        using var lane = new LaneUnderTest();
        await lane.HoldAsync();
        lane.LetGo();
        using var leaving = new CancellationTokenSource();
        using var place = await lane.EnterAsync("here", leaving: leaving);

        var result = await place!.RunAsync(() =>
        {
            leaving.Cancel();
            return "done";
        });

        Assert.Equal("done", result);
    }

    [Fact]
    public async Task Metrics_show_the_queue()
    {
        using var lane = new LaneUnderTest();
        await lane.HoldAsync();
        var waiting = lane.Wait("here");

        Assert.Equal((1, 1), (lane.Read("hashing.places known"), lane.Read("hashing.places unknown")));
        Assert.Equal((0, 1), (lane.Read("hashing.queue.length known"), lane.Read("hashing.queue.length unknown")));
        lane.LetGo();
        await waiting.Result;
        Assert.Equal((1, 1), (lane.Read("hashing.wait known"), lane.Read("hashing.wait unknown")));
    }

    [Fact]
    public async Task Disposal_refuses_waiting_callers_and_finishes_running_hashes()
    {
        var lane = new LaneUnderTest();
        var held = await lane.HoldAsync();
        var idle = await lane.EnterAsync("before the queue");
        var waiting = Enumerable.Range(0, 3).Select(i => lane.Wait($"{i}")).ToList();

        var end = Task.Run(lane.Lane.Dispose, TestContext.Current.CancellationToken);
        Assert.All(await Task.WhenAll(waiting.Select(waiter => waiter.Result)), Assert.Null);
        Assert.False(held[0].Result.IsCompleted);
        Assert.Null(await lane.Wait(idle!, "too late").Result);

        lane.LetGo();
        Assert.Equal("held 0 alice", await held[0].Result);
        await end;
        Assert.Empty(lane.Begun);
        lane.Dispose();
    }

    [Fact]
    public async Task Refusals_departures_and_cancellations_leak_no_place()
    {
        using var lane = new LaneUnderTest(places: 20, threads: 4);
        var outcomes = await Task.WhenAll(Enumerable.Range(0, 50).Select(caller => Task.Run(async () =>
        {
            var random = new Random(caller);
            var outcomes = new List<string>();
            for (var i = 0; i < 200; i++)
            {
                using var leaving = new CancellationTokenSource();
                try
                {
                    var entering = lane.EnterAsync($"{random.Next(8)}", $"{random.Next(8)}", random.Next(3) == 0, leaving);
                    await LeaveSometimesAsync();
                    lane.Clock.Advance(TimeSpan.FromMilliseconds(random.Next(300)));
                    using var place = await entering;
                    if (place is null || random.Next(10) == 0)
                    {
                        outcomes.Add(place is null ? "refused" : "left");
                        continue;
                    }

                    await LeaveSometimesAsync();
                    var work = place.RunAsync(() => "hashed");
                    await LeaveSometimesAsync();
                    outcomes.Add(await work ?? "lost");
                    outcomes.Add(await place.RunAsync(() => "hashed") ?? "lost");
                }
                catch (OperationCanceledException)
                {
                    outcomes.Add("cancelled");
                }

                Task LeaveSometimesAsync() => random.Next(10) == 0 ? leaving.CancelAsync() : Task.CompletedTask;
            }

            return outcomes;
        })));

        Assert.Equal(
            // the run must reach every outcome
            ["cancelled", "hashed", "left", "lost", "refused"], outcomes.SelectMany(all => all).Distinct().Order(StringComparer.Ordinal));
        Assert.Equal((0, 0), (lane.Read("hashing.places known"), lane.Read("hashing.places unknown")));
        Assert.Equal((0, 0), (lane.Read("hashing.queue.length known"), lane.Read("hashing.queue.length unknown")));
        Assert.Equal("still here", await (await lane.EnterAsync("here"))!.RunAsync(() => "still here"));
    }
}
