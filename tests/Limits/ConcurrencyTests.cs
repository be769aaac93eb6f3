using AuthMesh.LocalMesh;
using AuthMesh.Tests.Gateway;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.OpenApi;

namespace AuthMesh.Tests.Limits;

/// <summary>
/// A gateway that lets two requests at a time through to each destination, and one wait. Each pair of routes leads to one destination: the
/// direct way, and with a host of its own the proxy's pipeline. The tests are clients of a trusted proxy, or this machine, which is exempt
/// from the limit for one client.
/// </summary>
public sealed class ConcurrencyTests(ConcurrencyTests.Narrow fixture) : IClassFixture<ConcurrencyTests.Narrow>, IAsyncLifetime
{
    private const int Most = 2, Waiting = 1;

    private Caller Caller => fixture.Gateway.Caller;

    private int UnderWay => fixture.Replicas.Sum(replica => replica.Waiting);

    public async ValueTask InitializeAsync() => await Patience.UntilAsync(() => UnderWay == 0);

    public ValueTask DisposeAsync() => default;

    [Theory]
    [InlineData("GET", "/direct/wait")]
    [InlineData("GET", "/piped/wait")]
    [InlineData("POST", "/direct/wait")]
    public async Task A_full_destination_lets_one_wait_and_refuses_the_others_until_there_is_room(string method, string path)
    {
        for (var round = 0; round < 2; round++)
        {
            var requests = Enumerable.Range(0, 10).Select(_ => SendAsync(method, path)).ToList();
            await Patience.UntilAsync(() => requests.Count(request => request.IsCompleted) == requests.Count - Most - Waiting);
            await Patience.UntilAsync(() => UnderWay == Most);
            foreach (var refused in requests.Where(request => request.IsCompleted))
            {
                (await refused).AssertError(503, "service_busy");
                Assert.Equal("1", (await refused).Header("Retry-After"));
            }

            await ReleaseUntilAsync(() => requests.TrueForAll(request => request.IsCompleted));
            Assert.Equal(Most + Waiting, (await Task.WhenAll(requests)).Count(answer => answer.Status == 200));
        }

        await fixture.Gateway.UntilLoggedAsync("Gateway:Concurrency:PerDestination has refused");
    }

    [Fact]
    public async Task Both_ways_to_a_destination_share_its_places()
    {
        var held = new[] { SendAsync("GET", "/direct/wait"), SendAsync("POST", "/direct/wait") };
        await Patience.UntilAsync(() => UnderWay == Most);

        var pair = new[] { SendAsync("GET", "/direct/x"), SendAsync("POST", "/direct/x") };
        (await await Task.WhenAny(pair)).AssertError(503, "service_busy");

        Assert.Equal(200, (await Caller.GetAsync("/other/x")).Status); // another destination
        await ReleaseUntilAsync(() => held.Concat(pair).All(request => request.IsCompleted));
        Assert.Equal([200, 200, 200, 503], (await Task.WhenAll(held.Concat(pair))).Select(answer => answer.Status).Order());
    }

    [Theory]
    [InlineData("/direct")]
    [InlineData("/piped")]
    public async Task A_client_who_leaves_the_queue_makes_room_in_it(string route)
    {
        var answered = fixture.Replicas.Sum(replica => replica.Answered);
        var held = await FillAsync();
        var (leaver, leave) = (await QueueAsync())!.Value;

        await leave.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => leaver);
        answered += Most; // the leaver's request goes nowhere
        // The gateway notices a little later that the client has left. Until then it refuses both, and one of them looks like queued.
        while ((await ReleaseAsync((await Patience.UntilAsync(QueueAsync, queued => queued is not null))!.Value.Request)).Status != 200)
        {
            held = await FillAsync();
            answered += Most;
        }

        Assert.Equal(answered + 1, fixture.Replicas.Sum(replica => replica.Answered));

        async Task<Task<Answer>[]> FillAsync()
        {
            var requests = new[] { SendAsync("GET", $"{route}/wait"), SendAsync("GET", $"{route}/wait") };
            await Patience.UntilAsync(() => UnderWay == Most);
            return requests;
        }

        async Task<Answer> ReleaseAsync(Task<Answer> next)
        {
            await ReleaseUntilAsync(() => held.All(request => request.IsCompleted) && next.IsCompleted);
            Assert.All(await Task.WhenAll(held), answer => Assert.Equal(200, answer.Status));
            return await next;
        }

        // Of two requests at one moment, the queue takes one at most.
        async Task<(Task<Answer> Request, CancellationTokenSource Leave)?> QueueAsync()
        {
            var both = Enumerable.Range(0, 2).Select(_ => new CancellationTokenSource())
                .Select(leave => (Request: GetAsync($"{route}/x", leave.Token), Leave: leave)).ToList();
            await Task.WhenAny(both.Select(each => each.Request));
            var queued = both.Find(each => !each.Request.IsCompleted);
            if (queued.Request is not null)
            {
                return queued;
            }

            Assert.All(await Task.WhenAll(both.Select(each => each.Request)), answer => answer.AssertError(503, "service_busy"));
            return null;
        }
    }

    [Theory]
    [InlineData("/brief/x")]
    [InlineData("/brief-piped/x")]
    public async Task A_request_gives_up_its_wait_before_the_time_of_its_route_is_over(string path)
    {
        var held = new[] { SendAsync("GET", "/direct/wait"), SendAsync("GET", "/direct/wait") };
        var others = new[] { SendAsync("GET", "/piped/wait"), SendAsync("GET", "/piped/wait") };
        await Patience.UntilAsync(() => UnderWay == 2 * Most);

        var refused = await Caller.GetAsync(path);
        refused.AssertError(503, "service_busy");
        Contract.CheckRefusal(refused);

        await ReleaseUntilAsync(() => held.Concat(others).All(request => request.IsCompleted));
        Assert.Equal(200, (await Caller.GetAsync(path)).Status);
    }

    [Theory]
    [InlineData("GET")]
    [InlineData("POST")]
    public async Task A_request_that_fails_leaves_its_place(string method)
    {
        for (var request = 0; request < 3 * Most; request++)
        {
            (await SendAsync(method, "/absent/x")).AssertError(503, "service_unavailable");
            (await SendAsync(method, "/impatient/hold")).AssertError(503, "service_unavailable");
        }
    }

    [Fact]
    public async Task A_client_who_leaves_while_the_service_works_leaves_its_place()
    {
        for (var request = 0; request < 3 * Most; request++)
        {
            using var leave = new CancellationTokenSource();
            var before = fixture.Replicas.Sum(replica => replica.Held);
            var held = GetAsync("/other/hold", leave.Token);
            await Patience.UntilAsync(() => fixture.Replicas.Sum(replica => replica.Held) == before + 1);
            await leave.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => held);
        }
    }

    [Theory]
    [InlineData("/two-direct")]
    [InlineData("/two-piped")]
    public async Task A_request_goes_to_the_replica_that_has_room(string route)
    {
        var held = new List<Task<Answer>>();
        while (held.Count < 2 * Most)
        {
            held.Add(SendAsync("GET", $"{route}/wait"));
            await Patience.UntilAsync(() => UnderWay == held.Count);
        }

        Assert.All(fixture.Replicas, replica => Assert.Equal(Most, replica.Waiting));
        fixture.Replicas[1].Release();
        await Patience.UntilAsync(() => held.Count(request => request.IsCompleted) == Most);

        for (var request = 0; request < 6; request++)
        {
            Assert.Equal(200, (await SendAsync("GET", $"{route}/x")).Status); // the full replica would not answer
        }

        fixture.Replicas[0].Release();
        Assert.All(await Task.WhenAll(held), answer => Assert.Equal(200, answer.Status));
    }

    [Fact]
    public async Task One_client_cannot_hold_all_places_of_a_destination()
    {
        var held = AskFromAsync("203.0.113.7", "/other/wait");
        await Patience.UntilAsync(() => UnderWay == 1);

        var refused = await AskFromAsync("203.0.113.7", "/other/x");
        refused.AssertError(429, "too_many_requests", "Too many requests from your network are under way");
        Assert.Equal("1", refused.Header("Retry-After"));
        Assert.Equal(200, (await AskFromAsync("203.0.113.8", "/other/x")).Status);

        await ReleaseUntilAsync(() => held.IsCompleted);
        Assert.Equal(200, (await AskFromAsync("203.0.113.7", "/other/x")).Status);

        Task<Answer> AskFromAsync(string address, string path) => Caller.SendAsync(
            HttpMethod.Get, path, change: request => request.Headers.Add("X-Forwarded-For", address));
    }

    [Fact]
    public async Task Streams_take_no_places()
    {
        using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = Caller.Address };
        http.DefaultRequestHeaders.Authorization = new("Bearer", fixture.Gateway.Identity.Sign(Forge.Claims()));
        var streams = await Together.RunAsync(2 * (Most + Waiting), _ => http.GetAsync(
            new Uri("/stream/drip", UriKind.Relative), HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken));
        Assert.All(streams, stream => Assert.Equal(200, (int)stream.StatusCode));

        Assert.Equal(200, (await Caller.GetAsync("/other/x")).Status);

        Array.ForEach(streams, stream => stream.Dispose());
    }

    private Task<Answer> SendAsync(string method, string path) =>
        method == "POST" ? Caller.PostAsync(path, new { }) : Caller.GetAsync(path);

    private async Task<Answer> GetAsync(string path, CancellationToken leave)
    {
        using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = Caller.Address };
        using var response = await http.GetAsync(new Uri(path, UriKind.Relative), leave);
        return await Answer.ReadAsync(response);
    }

    // A request that has waited in the gateway arrives at the service when others have left.
    private Task ReleaseUntilAsync(Func<bool> condition) => Patience.UntilAsync(() =>
    {
        foreach (var replica in fixture.Replicas)
        {
            replica.Release();
        }

        return condition();
    });

    public sealed class Narrow : IAsyncLifetime
    {
        public IReadOnlyList<DirectForwardTests.Replica> Replicas { get; } = [new(), new()];

        internal LoneGateway Gateway { get; private set; } = null!;

        public async ValueTask InitializeAsync()
        {
            await Task.WhenAll(Replicas.Select(replica => replica.StartAsync()));
            var settings = new Dictionary<string, string>
            {
                ["Gateway:TrustedProxies:0"] = "127.0.0.0/8",
                ["Gateway:TrustedProxies:1"] = "::1",
                ["Gateway:Concurrency:PerDestination"] = $"{Most}",
                ["Gateway:Concurrency:PerClient"] = "1",
                ["Gateway:Concurrency:Queue"] = $"{Waiting}",
                ["Gateway:Concurrency:LongestWait"] = "00:00:10",
            };
            Cluster("one", Replicas[0].Address);
            Cluster("hosted", Replicas[0].Address);
            settings["ReverseProxy:Clusters:hosted:Destinations:d0:Host"] = "api.example"; // takes the pipeline
            Cluster("other", Replicas[1].Address);
            Cluster("absent", new Uri(Loopback.Origin(9)));
            Cluster("impatient", Replicas[1].Address);
            Cluster("two", Replicas[0].Address, Replicas[1].Address);
            Cluster("two-in-turn", Replicas[0].Address, Replicas[1].Address);
            settings["ReverseProxy:Clusters:two-in-turn:LoadBalancingPolicy"] = "RoundRobin";

            Route("direct", "one", "00:01:00");
            Route("piped", "hosted", "00:01:00");
            Route("brief", "one", "00:00:01");
            Route("brief-piped", "hosted", "00:00:01");
            Route("other", "other", "00:01:00");
            Route("absent", "absent", "00:01:00");
            Route("impatient", "impatient", "00:00:00.1");
            Route("two-direct", "two", "00:01:00");
            Route("two-piped", "two-in-turn", "00:01:00");
            Route("stream", "other", null);
            settings["ReverseProxy:Routes:stream:AuthorizationPolicy"] = "signed-in";
            settings["ReverseProxy:Routes:stream:Metadata:Streaming"] = "true";

            Gateway = new LoneGateway(settings);
            await Gateway.InitializeAsync();

            void Cluster(string name, params Uri[] destinations)
            {
                foreach (var (which, address) in destinations.Index())
                {
                    settings[$"ReverseProxy:Clusters:{name}:Destinations:d{which}:Address"] = address.ToString();
                }
            }

            void Route(string name, string cluster, string? timeout)
            {
                var key = $"ReverseProxy:Routes:{name}";
                settings[$"{key}:ClusterId"] = cluster;
                settings[$"{key}:Match:Path"] = $"/{name}/{{**rest}}";
                settings[$"{key}:Match:Methods:0"] = "GET";
                if (timeout is not null)
                {
                    settings[$"{key}:Match:Methods:1"] = "POST";
                    settings[$"{key}:Timeout"] = timeout;
                }

                settings[$"{key}:AuthorizationPolicy"] = "anonymous";
            }
        }

        public async ValueTask DisposeAsync()
        {
            await Gateway.DisposeAsync();
            foreach (var replica in Replicas)
            {
                await replica.DisposeAsync();
            }
        }
    }
}
