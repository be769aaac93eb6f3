using AuthMesh.Gateway.Concurrency;
using AuthMesh.Requests;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Limits;

/// <summary>The places at one destination of the gateway.</summary>
public sealed class PlacesTests
{
    private static readonly TimeSpan Wait = TimeSpan.FromSeconds(2);
    private static readonly ClientNetwork One = new(1, IsIPv6: false), Another = new(2, IsIPv6: false);

    private readonly WatchedTime clock = new();

    [Fact]
    public async Task Requests_beyond_the_places_wait_and_enter_in_the_order_in_which_they_came()
    {
        var places = New(most: 2, waiting: 3);
        Assert.Equal([Entry.Entered, Entry.Entered], await Task.WhenAll(EnterAsync(places), EnterAsync(places)));
        Assert.False(places.HasRoom);
        var waiting = Enumerable.Range(0, 3).Select(_ => EnterAsync(places)).ToList();

        Assert.Equal(Entry.Busy, await EnterAsync(places)); // the queue is full
        Assert.Equal(5, places.Load);
        for (var next = 0; next < waiting.Count; next++)
        {
            Assert.All(waiting[next..], task => Assert.False(task.IsCompleted));
            places.Leave(null);
            Assert.Equal(Entry.Entered, await waiting[next]);
        }

        places.Leave(null);
        places.Leave(null);
        Assert.Equal(0, places.Load);
        Assert.Equal(Entry.Entered, await EnterAsync(places));
    }

    [Fact]
    public async Task A_newcomer_overtakes_nobody()
    {
        var places = New(most: 1, waiting: 5);
        await EnterAsync(places);
        var first = EnterAsync(places);

        places.Leave(null); // the place is the first one's from now on
        var second = EnterAsync(places);

        Assert.Equal(Entry.Entered, await first);
        Assert.False(second.IsCompleted);
        places.Leave(null);
        Assert.Equal(Entry.Entered, await second);
    }

    [Fact]
    public async Task A_wait_has_an_end_and_leaves_the_queue()
    {
        var places = New(most: 1, waiting: 1);
        await EnterAsync(places);
        var waiting = EnterAsync(places);

        clock.Advance(Wait - TimeSpan.FromMilliseconds(1));
        Assert.False(waiting.IsCompleted);
        clock.Advance(TimeSpan.FromMilliseconds(1));

        Assert.Equal(Entry.Busy, await waiting);
        Assert.Equal(1, places.Load);
        var next = EnterAsync(places);
        places.Leave(null);
        Assert.Equal(Entry.Entered, await next);
    }

    [Fact]
    public async Task A_caller_who_leaves_gives_up_its_turn()
    {
        using var leaving = new CancellationTokenSource();
        var places = New(most: 1, waiting: 2);
        await EnterAsync(places);
        var leaver = places.EnterAsync(One, Wait, leaving.Token).AsTask();
        var stays = EnterAsync(places, One);

        await leaving.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => leaver);
        Assert.Equal(2, places.Load);
        places.Leave(null);
        Assert.Equal(Entry.Entered, await stays);
        places.Leave(One);
        Assert.Equal(0, places.Load);
    }

    [Fact]
    public async Task One_client_holds_only_its_share_of_places_and_queue()
    {
        var places = New(most: 4, ofClient: 2, waiting: 4);
        Assert.Equal(
            [Entry.Entered, Entry.Entered, Entry.ClientIsBusy],
            [await EnterAsync(places, One), await EnterAsync(places, One), await EnterAsync(places, One)]);
        Assert.Equal([Entry.Entered, Entry.Entered], [await EnterAsync(places, Another), await EnterAsync(places)]);
        var waiting = EnterAsync(places, new ClientNetwork(3, IsIPv6: false));
        Assert.Equal([Entry.ClientIsBusy, Entry.ClientIsBusy], [await EnterAsync(places, One), await EnterAsync(places, One)]);

        places.Leave(One);
        Assert.Equal(Entry.Entered, await waiting);
        var again = EnterAsync(places, One);
        Assert.Equal(Entry.ClientIsBusy, await EnterAsync(places, One)); // it waits, and that counts
        places.Leave(null);
        Assert.Equal(Entry.Entered, await again);
        for (var i = 0; i < 10; i++)
        {
            Assert.Equal(Entry.ClientIsBusy, await EnterAsync(places, One)); // a refusal takes nothing
        }

        Assert.Equal(4, places.Load);
    }

    [Fact]
    public async Task However_requests_come_wait_and_leave_no_place_is_lost_or_given_twice()
    {
        const int Most = 3, Rounds = 100;
        var places = new Places(Most, mostOfClient: 6, mostWaiting: 8, TimeProvider.System);
        var (under, highest, others) = (0, 0, 0);
        for (var place = 0; place < Most; place++)
        {
            await EnterAsync(places); // until somebody has waited in vain
        }

        var running = Together.RunAsync(32, async caller =>
        {
            for (int entered = 0, round = 0; entered < Rounds; round++)
            {
                ClientNetwork? client = caller % 4 == 0 ? null : new((ulong)caller % 4, IsIPv6: false);
                using var leaving = new CancellationTokenSource();
                if ((caller + round) % 3 == 0)
                {
                    leaving.CancelAfter(TimeSpan.FromMilliseconds(round % 2));
                }

                try
                {
                    if (await places.EnterAsync(client, TimeSpan.FromMilliseconds(1 + (round % 3)), leaving.Token) != Entry.Entered)
                    {
                        Interlocked.Increment(ref others);
                        await Task.Yield();
                        continue;
                    }
                }
                catch (OperationCanceledException)
                {
                    Interlocked.Increment(ref others);
                    continue;
                }

                entered++;
                InterlockedMax(ref highest, Interlocked.Increment(ref under));
                await Task.Yield();
                Interlocked.Decrement(ref under);
                places.Leave(client);
            }

            return 0;
        });
        await Patience.UntilAsync(() => Volatile.Read(ref others) > 100);
        for (var place = 0; place < Most; place++)
        {
            places.Leave(null);
        }

        await running;

        Assert.Equal(0, places.Load);
        Assert.InRange(highest, 1, Most);
        Assert.Equal(
            [Entry.Entered, Entry.Entered, Entry.Entered],
            [await EnterAsync(places, One), await EnterAsync(places, One), await EnterAsync(places, One)]);
    }

    [Fact]
    public void A_free_place_takes_no_memory()
    {
        var places = New(most: 10, waiting: 10);
        var before = 0L;
        for (var round = 0; round < 2; round++)
        {
            before = GC.GetAllocatedBytesForCurrentThread();
            for (var request = 0; request < 1_000; request++)
            {
                var entry = places.EnterAsync(One, Wait, CancellationToken.None);
                Assert.True(entry.IsCompletedSuccessfully);
                places.Leave(One);
            }
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    private Places New(int most, int waiting, int ofClient = 100) => new(most, ofClient, waiting, clock);

    private static Task<Entry> EnterAsync(Places places, ClientNetwork? client = null) =>
        places.EnterAsync(client, Wait, TestContext.Current.CancellationToken).AsTask();

    private static void InterlockedMax(ref int highest, int value)
    {
        for (var seen = Volatile.Read(ref highest); value > seen; seen = Volatile.Read(ref highest))
        {
            Interlocked.CompareExchange(ref highest, value, seen);
        }
    }
}
