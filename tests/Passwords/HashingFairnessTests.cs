using AuthMesh.Identity.Passwords;

namespace AuthMesh.Tests.Passwords;

public sealed class HashingFairnessTests
{
    [Fact]
    public async Task Networks_take_turns()
    {
        Assert.Equal(
            ["a 1", "b 1", "c 1", "a 2", "b 2", "a 3"],
            await OrderAsync(("a", "1"), ("a", "2"), ("a", "3"), ("b", "1"), ("b", "2"), ("c", "1")));
    }

    [Fact]
    public async Task Accounts_of_a_network_take_turns()
    {
        Assert.Equal(["a 1", "b 9", "a 2", "a 1", "a 1"], await OrderAsync(("a", "1"), ("a", "1"), ("a", "1"), ("a", "2"), ("b", "9")));
    }

    [Fact]
    public async Task Known_devices_and_strangers_take_turns()
    {
        using var lane = new LaneUnderTest(places: 20);
        await lane.HoldAsync(); // a known device's
        var waiting = Enumerable.Range(0, 3).Select(i => lane.Wait($"stranger {i}")).ToList();
        waiting.AddRange(Enumerable.Range(0, 2).Select(i => lane.Wait($"known {i}", isKnown: true)));

        lane.LetGo();
        await Task.WhenAll(waiting.Select(waiter => waiter.Result));

        Assert.Equal(["stranger 0 alice", "known 0 alice", "stranger 1 alice", "known 1 alice", "stranger 2 alice"], lane.Begun);
    }

    [Fact]
    public async Task Leaving_and_reentering_does_not_move_a_caller_to_the_front()
    {
        using var lane = new LaneUnderTest();
        await lane.HoldAsync();
        var waiting = new List<Waiter> { lane.Wait("held 0", "second", isKnown: true), lane.Wait("held 0", "third", isKnown: true) };
        (await lane.EnterAsync("a", isKnown: true))!.Dispose();
        waiting.Add(lane.Wait("a", isKnown: true));

        lane.LetGo();
        await Task.WhenAll(waiting.Select(waiter => waiter.Result));

        Assert.Equal(["held 0 second", "a alice", "held 0 third"], lane.Begun);
    }

    [Fact]
    public async Task A_newcomer_evicts_the_newest_place_of_the_network_with_the_most_places()
    {
        using var lane = new LaneUnderTest(places: 8);
        await lane.HoldAsync();
        var small = new[] { lane.Wait("b"), lane.Wait("b") };
        var large = Enumerable.Range(0, 5).Select(i => lane.Wait("a", $"{i}")).ToList();

        using var newcomer = await Entered(lane, "c");

        Assert.Null(await large[4].Result);
        Assert.All([.. small, .. large[..4]], waiter => Assert.False(waiter.Result.IsCompleted));
        Assert.Equal(1, lane.Read("hashing.refusals pushed_out unknown"));
        Assert.Equal(7, lane.Read("hashing.places unknown"));
    }

    [Fact]
    public async Task A_place_that_is_not_yet_waiting_can_be_evicted()
    {
        using var lane = new LaneUnderTest(places: 4);
        await lane.HoldAsync();
        var (first, second, third) = (lane.Wait("a"), lane.Wait("a"), await Entered(lane, "a"));

        using var newcomer = await Entered(lane, "b");

        lane.LetGo();
        Assert.Null(await lane.Wait(third, "pushed out").Result);
        Assert.Equal("a alice", await first.Result);
        Assert.Equal("a alice", await second.Result);
        Assert.DoesNotContain("pushed out", lane.Begun);
    }

    [Fact]
    public async Task A_newcomer_with_an_equal_share_evicts_nobody()
    {
        using var lane = new LaneUnderTest(places: 5);
        await lane.HoldAsync();
        var waiting = new[] { lane.Wait("a"), lane.Wait("a"), lane.Wait("b"), lane.Wait("c") };

        Assert.False(lane.EnterAsync("b").IsCompleted); // two of a's against two of b's
        Assert.All(waiting, waiter => Assert.False(waiter.Result.IsCompleted));

        Assert.True(lane.EnterAsync("d").IsCompleted); // two of a's against one of d's
        Assert.Null(await waiting[1].Result);
    }

    [Fact]
    public async Task Within_a_network_an_account_evicts_another_that_holds_more_places()
    {
        using var lane = new LaneUnderTest(places: 5);
        await lane.HoldAsync();
        var waiting = Enumerable.Range(0, 4).Select(_ => lane.Wait("a", "guessed at")).ToList();

        Assert.False(lane.EnterAsync("a", "guessed at").IsCompleted);
        Assert.True(lane.EnterAsync("a", "another").IsCompleted);

        Assert.Null(await waiting[3].Result);
    }

    [Fact]
    public async Task A_place_between_its_two_hashes_is_not_evicted()
    {
        using var lane = new LaneUnderTest(places: 3);
        var unserved = await Entered(lane, "a");
        using var first = await Entered(lane, "a");
        using var second = await Entered(lane, "a");
        Assert.Equal("hashed", await first.RunAsync(() => "hashed"));
        Assert.Equal("hashed", await second.RunAsync(() => "hashed"));

        Assert.True(lane.EnterAsync("b").IsCompleted);

        Assert.Null(await lane.Wait(unserved, "pushed out").Result); // although it came first
        Assert.Equal("hashed again", await first.RunAsync(() => "hashed again"));
        Assert.Equal("hashed again", await second.RunAsync(() => "hashed again"));
    }

    [Fact]
    public async Task Strangers_from_ten_thousand_networks_do_not_keep_a_known_device_out()
    {
        using var lane = new LaneUnderTest(places: 16);
        await lane.HoldAsync(); // a known device's
        var strangers = Enumerable.Range(0, 10_000).Select(i => lane.EnterAsync($"stranger {i}")).ToList();
        lane.Clock.Advance(TimeSpan.FromSeconds(1)); // releases the delayed refusals
        var waiting = (await Task.WhenAll(strangers)).OfType<HashingPlace>().Select(place => lane.Wait(place, "stranger")).ToList();
        Assert.Equal(15, waiting.Count);

        // Together with the held place, these fill the known devices' half.
        var known = Enumerable.Range(0, 7).Select(i => lane.Wait($"known {i}", isKnown: true)).ToList();
        Assert.False(lane.EnterAsync("known 7", isKnown: true).IsCompleted);

        lane.LetGo();
        Assert.All(await Task.WhenAll(known.Select(waiter => waiter.Result)), Assert.NotNull);
        Assert.Equal(8, (await Task.WhenAll(waiting.Select(waiter => waiter.Result))).Count(result => result is not null));
    }

    [Fact]
    public async Task Known_devices_from_many_networks_do_not_keep_a_stranger_out()
    {
        using var lane = new LaneUnderTest(places: 16);
        await lane.HoldAsync();
        var known = Enumerable.Range(0, 15).Select(i => lane.Wait($"known {i}", isKnown: true)).ToList();

        var strangers = Enumerable.Range(0, 8).Select(i => lane.Wait($"stranger {i}")).ToList();
        Assert.False(lane.EnterAsync("stranger 8").IsCompleted);

        lane.LetGo();
        Assert.All(await Task.WhenAll(strangers.Select(waiter => waiter.Result)), Assert.NotNull);
        Assert.Equal(7, (await Task.WhenAll(known.Select(waiter => waiter.Result))).Count(result => result is not null));
    }

    [Fact]
    public async Task A_known_device_evicts_a_place_of_a_network_with_more_known_devices()
    {
        using var lane = new LaneUnderTest(places: 8);
        await lane.HoldAsync();
        var attacker = Enumerable.Range(0, 7).Select(i => lane.Wait("attacker", $"own {i}", isKnown: true)).ToList();

        Assert.True(lane.EnterAsync("victim", isKnown: true).IsCompleted);

        Assert.Null(await attacker[6].Result);
    }

    [Fact]
    public async Task A_known_device_evicts_a_place_of_an_account_on_known_devices_in_many_networks()
    {
        using var lane = new LaneUnderTest(places: 16);
        await lane.HoldAsync();
        var attacker = Enumerable.Range(0, 15).Select(i => lane.Wait($"attacker {i}", "own", isKnown: true)).ToList();

        Assert.True(lane.EnterAsync("victim", "victim", isKnown: true).IsCompleted);

        Assert.Null(await attacker[14].Result);
    }

    [Fact]
    public async Task One_account_on_known_devices_in_many_networks_gets_one_turn()
    {
        using var lane = new LaneUnderTest(places: 16);
        await lane.HoldAsync();
        var waiting = Enumerable.Range(0, 3).Select(i => lane.Wait($"attacker {i}", "own", isKnown: true)).ToList();
        waiting.Add(lane.Wait("victim", "victim", isKnown: true));

        lane.LetGo();
        await Task.WhenAll(waiting.Select(waiter => waiter.Result));

        Assert.Equal(["attacker 0 own", "victim victim", "attacker 1 own", "attacker 2 own"], lane.Begun);
    }

    [Fact]
    public async Task Strangers_who_type_a_username_in_many_networks_do_not_delay_its_owner()
    {
        using var lane = new LaneUnderTest(places: 8);
        await lane.HoldAsync();
        var guessing = new[] { lane.Wait("a", "victim"), lane.Wait("b", "victim"), lane.Wait("c", "victim") };
        var owner = lane.Wait("home", "victim");
        var other = lane.Wait("d", "other");

        lane.LetGo();
        await Task.WhenAll([.. guessing.Select(waiter => waiter.Result), owner.Result, other.Result]);

        Assert.Equal(["a victim", "b victim", "c victim", "home victim", "d other"], lane.Begun);
    }

    private static async Task<HashingPlace> Entered(LaneUnderTest lane, string network)
    {
        var entering = lane.EnterAsync(network);
        Assert.True(entering.IsCompleted);
        return (await entering)!;
    }

    private static async Task<IReadOnlyCollection<string>> OrderAsync(params (string Network, string Account)[] arrivals)
    {
        using var lane = new LaneUnderTest(places: 20);
        await lane.HoldAsync();
        var waiting = arrivals.Select(arrival => lane.Wait(arrival.Network, arrival.Account)).ToList();
        lane.LetGo();
        await Task.WhenAll(waiting.Select(waiter => waiter.Result));
        return lane.Begun;
    }
}
