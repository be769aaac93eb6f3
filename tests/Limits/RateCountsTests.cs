using System.Net;
using AuthMesh.Gateway.RateLimiting;
using AuthMesh.Requests;

namespace AuthMesh.Tests.Limits;

/// <summary>The counters of the gateway's rate limits, with a clock that the tests move.</summary>
public sealed class RateCountsTests
{
    private const int Requests = 5;
    private const long Second = TimeSpan.TicksPerSecond, Start = 1_000 * Second;
    private const int Few = 64; // places, as few as there can be

    private static readonly Rate FiveInASecond = Rate.Of(Requests, TimeSpan.FromSeconds(1), Second);

    [Fact]
    public void A_client_may_send_all_its_requests_at_once_and_then_one_in_each_interval()
    {
        var counts = new RateCounts(FiveInASecond, Few);
        var client = Key("203.0.113.7");

        Assert.Equal(Requests, Fitting(counts, client, Start));
        var wait = counts.Judge(client, Start);
        Assert.Equal(Second / Requests, wait);

        Assert.Equal(1, counts.Judge(client, Start + wait - 1)); // a refused request costs nothing
        Assert.Equal(1, Fitting(counts, client, Start + wait));
        Assert.Equal(Requests, Fitting(counts, client, Start + (2 * Second)));
        Assert.Equal(Requests, Fitting(counts, Key("203.0.113.8"), Start));
    }

    [Theory]
    [InlineData(1, 1, 1_000_000_000)]
    [InlineData(1, 86_400, 1_000_000_000)]
    [InlineData(7, 10, 10_000_000)]
    [InlineData(999_999, 1, 1_000_000_000)]
    [InlineData(1_000_000, 1, 10_000_000)]
    [InlineData(1_000_000, 86_400, 1_000_000_000)]
    public void Exactly_as_many_requests_fit_as_are_set(int requests, int seconds, long frequency)
    {
        var rate = Rate.Of(requests, TimeSpan.FromSeconds(seconds), frequency);
        var now = 1_000 * frequency;

        Assert.Equal(requests, Fitting(new RateCounts(rate, Few), Key("203.0.113.7"), now));
        Assert.InRange(rate.Window, (long)(0.99 * seconds * frequency), seconds * frequency);
    }

    [Fact]
    public void A_look_at_a_client_counts_nothing()
    {
        var counts = new RateCounts(FiveInASecond, Few);
        var client = Key("203.0.113.7");

        Assert.All(Enumerable.Range(0, 100), _ => Assert.Equal(0, counts.Judge(client, Start, counts: false)));

        Assert.Equal(Requests, Fitting(counts, client, Start));
        Assert.Equal(Second / Requests, counts.Judge(client, Start, counts: false));
    }

    [Theory]
    [InlineData("203.0.113.7", "::ffff:203.0.113.7", true)]
    [InlineData("203.0.113.7", "203.0.113.8", false)]
    [InlineData("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", true)]
    [InlineData("2001:db8:1:2::1", "2001:db8:1:3::1", false)]
    [InlineData("0.0.0.1", "::1:0:0:0:0", false)] // the same 64 bits
    public void Addresses_of_one_network_share_a_count(string one, string other, bool share)
    {
        var counts = new RateCounts(FiveInASecond, Few);
        Assert.Equal(Requests, Fitting(counts, Key(one), Start));

        Assert.Equal(share ? 0 : Requests, Fitting(counts, Key(other), Start));
    }

    [Theory]
    [InlineData(Few)]
    [InlineData(65_536)]
    public async Task Many_threads_together_get_exactly_what_each_client_may(int places)
    {
        var rate = Rate.Of(1_000, TimeSpan.FromSeconds(1), Second);
        var counts = new RateCounts(rate, places);
        Fill(counts, places == Few ? 10_000 : 0, eachInItsOwnSite: true);
        var clients = new[] { Key("203.0.113.7"), Key("198.51.100.7"), Key("2a00:9::1"), RateKey.Of(Guid.NewGuid()) };
        var fitting = new int[clients.Length];

        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() =>
        {
            for (var call = 0; call < 2_000 * clients.Length; call++)
            {
                var which = call % clients.Length;
                if (counts.Judge(clients[which], Start) == 0)
                {
                    Interlocked.Increment(ref fitting[which]);
                }
            }
        })));

        // With 64 places, all are taken, and the four may meet at one of the 16 widest counters.
        Assert.True(
            places == Few ? fitting.Sum() is > 0 and <= 4_000 && fitting.Sum() % 1_000 == 0 : fitting.All(count => count == 1_000),
            string.Join(' ', fitting));
    }

    [Fact]
    public void Neighbours_share_a_count_once_one_of_them_has_filled_the_table()
    {
        var counts = new RateCounts(FiveInASecond, Few);

        // 64 of the attacker's networks find a place. The others are one client together: the /48.
        Assert.Equal(Few + Requests, Fill(counts, 10_000));
        Assert.Equal(0, Fitting(counts, Key("2001:db8:bad:ffff::1"), Start));

        // Newcomers elsewhere are served, one wide network apart from the other.
        Assert.Equal(Requests, Fitting(counts, Key("2001:db8:600d:1::1"), Start));
        Assert.Equal(0, Fitting(counts, Key("2001:db8:600d:2::1"), Start));
        Assert.Equal(Requests, Fitting(counts, Key("203.0.113.7"), Start));
        Assert.Equal(0, Fitting(counts, Key("203.0.113.8"), Start));
        Assert.Equal(Requests, Fitting(counts, Key("203.0.114.7"), Start));

        // Once the attacker's requests are forgotten, everybody is told apart again.
        Assert.Equal(Requests, Fitting(counts, Key("203.0.113.7"), Start + (2 * Second)));
        Assert.Equal(Requests, Fitting(counts, Key("203.0.113.8"), Start + (2 * Second)));
    }

    [Fact]
    public void A_provider_network_that_fills_every_table_shuts_out_only_itself()
    {
        var counts = new RateCounts(FiveInASecond);
        for (ulong network = 0; network < 400_000; network++)
        {
            counts.Judge(RateKey.Of(new ClientNetwork((0x20010db8UL << 32) | (network * 7919 & 0xffffffff), IsIPv6: true)), Start);
        }

        Assert.Equal(0, Fitting(counts, Key("2001:db8:fade:1::1"), Start));

        // One in 16,384 newcomers meets the attacker at a counter.
        var newcomers = Enumerable.Range(0, 20).Select(i => Fitting(counts, Key($"2a0{i % 10}:{i + 1}::1"), Start))
            .Concat(Enumerable.Range(0, 20).Select(i => Fitting(counts, Key($"198.{i}.100.7"), Start))).ToList();
        Assert.InRange(newcomers.Count(fitting => fitting == Requests), 36, 40);
    }

    [Fact]
    public void Clients_that_are_done_leave_their_places()
    {
        var counts = new RateCounts(FiveInASecond, Few);
        for (var i = 0; i < 100_000; i++)
        {
            var now = Start + (i * Second / 5); // five are known at a time
            Assert.Equal(Requests, Fitting(counts, Key($"10.{i >> 16}.{(i >> 8) & 255}.{i & 255}"), now, atMost: Requests));
        }
    }

    [Fact]
    public void Counting_takes_no_memory()
    {
        var counts = new RateCounts(FiveInASecond);
        var keys = Enumerable.Range(0, 1_000).Select(_ => RateKey.Of(Guid.NewGuid())).ToArray();
        var before = 0L;
        for (var round = 0; round < 2; round++)
        {
            before = GC.GetAllocatedBytesForCurrentThread();
            foreach (var key in keys)
            {
                counts.Judge(key, Start);
            }
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    /// <summary>One request each from so many networks of 2001:db8:bad::/48, or of as many sites of 2001:db8::/32.</summary>
    /// <returns>How many of them fit.</returns>
    private static int Fill(RateCounts counts, int networks, bool eachInItsOwnSite = false)
    {
        return Enumerable.Range(0, networks).Select(Bits)
            .Count(bits => counts.Judge(RateKey.Of(new ClientNetwork(bits, IsIPv6: true)), Start) == 0);

        ulong Bits(int network) =>
            eachInItsOwnSite ? (0x20010db8UL << 32) | ((ulong)network << 16) : (0x20010db80badUL << 16) | (uint)network;
    }

    private static int Fitting(RateCounts counts, RateKey client, long now, int atMost = int.MaxValue)
    {
        var fitting = 0;
        while (fitting < atMost && counts.Judge(client, now) == 0)
        {
            fitting++;
        }

        return fitting;
    }

    private static RateKey Key(string address) => RateKey.Of(ClientNetwork.Of(IPAddress.Parse(address)));
}
