using System.Text.Json;
using AuthMesh.LocalMesh;
using AuthMesh.Tests.Harness;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;

namespace AuthMesh.Tests.Gateway;

/// <summary>
/// Safe requests that the gateway forwards directly. <see cref="RetryTests"/> shows replicas that fail; the tests on bytes show that the
/// direct way is taken at all.
/// </summary>
public sealed class DirectForwardTests(DirectForwardTests.ThreeReplicas fixture) : IClassFixture<DirectForwardTests.ThreeReplicas>
{
    private Caller Caller => fixture.Gateway.Caller;

    [Theory]
    [InlineData("GET")]
    [InlineData("HEAD")]
    [InlineData("OPTIONS")]
    public async Task A_safe_method_arrives_as_it_was_sent(string method)
    {
        var answer = await Caller.SendAsync(new HttpMethod(method), "/direct/x");

        Assert.Equal((200, method), (answer.Status, answer.Header("Arrived-Method")));
        Assert.Equal(method == "HEAD", answer.Text.Length == 0);
    }

    [Theory]
    [InlineData("/x")]
    [InlineData("/x?a=b&a=c&empty=&%C3%A4=%26")]
    [InlineData("/a%2Fb/%C3%BC/c%20d;e=f")]
    [InlineData("/a//b/./c%25")]
    [InlineData("/x?q=%00%0d%0a+plus")]
    public async Task A_request_arrives_as_through_the_proxys_pipeline(string target)
    {
        string[] arrived = [await ArrivedAsync("/piped"), await ArrivedAsync("/direct")];

        Assert.Equal(arrived[0], arrived[1]);
        Assert.Contains("/base/moved/", arrived[0], StringComparison.Ordinal);
        Assert.Contains("added=yes", arrived[0], StringComparison.Ordinal);

        async Task<string> ArrivedAsync(string route)
        {
            var answer = await Caller.SendAsync(HttpMethod.Get, route + target, change: request =>
            {
                request.Headers.Add("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
                request.Headers.TryAddWithoutValidation("Accept-Language", "de");
                request.Headers.TryAddWithoutValidation("Cookie", "a=b");
                request.Headers.TryAddWithoutValidation("X-User-Id", "1");
                request.Headers.TryAddWithoutValidation("Connection", "Accept-Language");
            });
            Assert.Equal((200, "set"), (answer.Status, answer.Header("Transformed")));
            Assert.Equal("max-age=5", answer.Header("Cache-Control"));
            // A listener of another test makes the span another one.
            return System.Text.RegularExpressions.Regex.Replace(answer.Text, "(?<=80319c-)[0-9a-f]{16}", "");
        }
    }

    [Theory]
    [InlineData("/named/x", "api.example")]
    [InlineData("/direct/x", null)]
    public async Task A_destination_gets_the_host_that_it_is_set_to(string path, string? host) => Assert.Contains(
        (await Caller.GetAsync(path)).Header("Arrived-Host"),
        host is null ? fixture.Replicas.Select(replica => replica.Address.Authority) : [host]);

    [Theory]
    [InlineData("/none")]
    [InlineData("/none-piped")]
    public async Task A_cluster_without_a_destination_is_503(string path) =>
        (await Caller.GetAsync(path)).AssertError(503, "service_unavailable");

    [Fact]
    public async Task A_time_out_ends_its_own_request_and_no_later_one()
    {
        for (var round = 0; round < 3; round++)
        {
            await Together.RunAsync(20, _ => Caller.GetAsync("/short/x")); // their timers go back to the pool before they fire
            var held = Caller.GetAsync("/short/hold");
            var late = Caller.GetAsync("/direct/late"); // answers after a time that is twice the short time-out
            (await held).AssertError(503, "service_unavailable");
            Assert.Equal(200, (await late).Status);
            Assert.All(await Together.RunAsync(4, _ => Caller.GetAsync("/direct/late")), answer => Assert.Equal(200, answer.Status));
        }

        await UntilNoneIsHeldAsync();
    }

    [Fact]
    public async Task An_answer_that_a_time_out_cuts_is_not_complete()
    {
        using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = Caller.Address };
        using var answer = await http.GetAsync(
            new Uri("/cut/drip", UriKind.Relative), HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken);

        Assert.Equal(200, (int)answer.StatusCode);
        await Assert.ThrowsAnyAsync<HttpRequestException>(
            () => answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_caller_who_leaves_ends_the_request_at_the_service()
    {
        using var leaving = new CancellationTokenSource();
        using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = Caller.Address };
        var held = fixture.Replicas.Sum(replica => replica.Held);
        var request = http.GetAsync(new Uri("/direct/hold", UriKind.Relative), leaving.Token);
        await Patience.UntilAsync(() => fixture.Replicas.Sum(replica => replica.Held) == held + 1);

        await leaving.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => request);
        await UntilNoneIsHeldAsync();
    }

    [Fact]
    public async Task Each_replica_gets_requests_and_a_busy_one_fewer()
    {
        Assert.All(await CountAsync(), count => Assert.InRange(count, 1, 60));

        // Long requests take turns over the replicas. Those at two of them end.
        var held = Enumerable.Range(0, 30).Select(_ => Caller.GetAsync("/direct/wait")).ToList();
        await Patience.UntilAsync(() => fixture.Replicas.Sum(replica => replica.Waiting) == held.Count);
        Assert.All(fixture.Replicas, replica => Assert.InRange(replica.Waiting, 3, 20));
        fixture.Replicas[1].Release();
        fixture.Replicas[2].Release();
        await Patience.UntilAsync(() => held.Count(request => !request.IsCompleted) == fixture.Replicas[0].Waiting);

        // The gateway counts a request as done some time after its client does.
        var counts = await Patience.UntilAsync(CountAsync, counts => counts[0] == 0);
        Assert.All(counts[1..], count => Assert.InRange(count, 1, 60));

        fixture.Replicas[0].Release();
        Assert.All(await Task.WhenAll(held), answer => Assert.Equal(200, answer.Status));
        Assert.All(await CountAsync(), count => Assert.InRange(count, 1, 60));

        async Task<int[]> CountAsync()
        {
            var before = fixture.Replicas.Select(replica => replica.Answered).ToArray();
            for (var call = 0; call < 60; call++)
            {
                Assert.Equal(200, (await Caller.GetAsync("/direct/x")).Status);
            }

            return [.. fixture.Replicas.Select((replica, which) => replica.Answered - before[which])];
        }
    }

    private Task UntilNoneIsHeldAsync() =>
        Patience.UntilAsync(() => fixture.Replicas.Sum(replica => replica.Aborted) == fixture.Replicas.Sum(replica => replica.Held));

    /// <summary>A service that answers with what arrived, or waits.</summary>
    public sealed class Replica : IAsyncDisposable
    {
        private readonly WebApplication app;
        private TaskCompletionSource released = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int answered, held, aborted, waiting;

        public Replica()
        {
            var builder = WebApplication.CreateSlimBuilder();
            builder.Logging.ClearProviders();
            app = builder.Build();
            app.Urls.Add(Loopback.Origin(0));
            app.Run(AnswerAsync);
        }

        public Uri Address => new(app.Urls.First());

        public int Answered => Volatile.Read(ref answered);

        public int Held => Volatile.Read(ref held);

        public int Aborted => Volatile.Read(ref aborted);

        public int Waiting => Volatile.Read(ref waiting);

        public Task StartAsync() => app.StartAsync();

        public void Release() => Interlocked.Exchange(ref released, new(TaskCreationOptions.RunContinuationsAsynchronously)).SetResult();

        public async ValueTask DisposeAsync()
        {
            using var now = new CancellationTokenSource(TimeSpan.Zero);
            await app.StopAsync(now.Token);
            await app.DisposeAsync();
        }

        private async Task AnswerAsync(HttpContext context)
        {
            switch (context.Request.Path.Value!.Split('/')[^1])
            {
                case "hold":
                    Interlocked.Increment(ref held);
                    await Task.Delay(Timeout.Infinite, context.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                    Interlocked.Increment(ref aborted);
                    return;
                case "late":
                    await Task.Delay(ThreeReplicas.ShortTimeout * 2, context.RequestAborted);
                    break;
                case "drip":
                    await context.Response.WriteAsync("the beginning", context.RequestAborted);
                    await Task.Delay(Timeout.Infinite, context.RequestAborted);
                    break;
                case "wait":
                    Interlocked.Increment(ref waiting);
                    await released.Task;
                    Interlocked.Decrement(ref waiting);
                    break;
            }

            Interlocked.Increment(ref answered);
            context.Response.Headers["Arrived-Method"] = context.Request.Method;
            context.Response.Headers["Arrived-Host"] = context.Request.Host.Value;
            context.Response.Headers.CacheControl = "max-age=5";
            var headers = context.Request.Headers.Where(header => header.Key != "Host").OrderBy(header => header.Key)
                .Select(header => $"{header.Key}: {string.Join('|', header.Value.ToArray())}");
            var target = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
            await context.Response.WriteAsync(JsonSerializer.Serialize(new { target, headers }));
        }
    }

    public sealed class ThreeReplicas : IAsyncLifetime
    {
        public static readonly TimeSpan ShortTimeout = TimeSpan.FromMilliseconds(150);

        public IReadOnlyList<Replica> Replicas { get; } = [new(), new(), new()];

        internal LoneGateway Gateway { get; private set; } = null!;

        public async ValueTask InitializeAsync()
        {
            await Task.WhenAll(Replicas.Select(replica => replica.StartAsync()));
            var settings = new Dictionary<string, string>();
            Route("direct", "three", "00:01:00");
            Route("short", "three", ShortTimeout.ToString());
            Route("cut", "three", "00:00:01");
            Route("piped", "three-in-turn", "00:01:00");
            Route("none", "no-destination", "00:01:00");
            Route("none-piped", "no-destination-in-turn", "00:01:00");
            Route("named", "named", "00:01:00");
            settings["ReverseProxy:Clusters:named:Destinations:one:Address"] = Replicas[0].Address.ToString();
            settings["ReverseProxy:Clusters:named:Destinations:one:Host"] = "api.example";
            settings["ReverseProxy:Clusters:three-in-turn:LoadBalancingPolicy"] = "RoundRobin";
            settings["ReverseProxy:Clusters:no-destination:LoadBalancingPolicy"] = "PowerOfTwoChoices";
            settings["ReverseProxy:Clusters:no-destination-in-turn:LoadBalancingPolicy"] = "RoundRobin";
            foreach (var cluster in (string[])["three", "three-in-turn"])
            {
                foreach (var (which, replica) in Replicas.Index())
                {
                    settings[$"ReverseProxy:Clusters:{cluster}:Destinations:d{which}:Address"] = $"{replica.Address}base/";
                }
            }

            Gateway = new LoneGateway(settings);
            await Gateway.InitializeAsync();

            void Route(string name, string cluster, string timeout)
            {
                var key = $"ReverseProxy:Routes:{name}";
                settings[$"{key}:ClusterId"] = cluster;
                settings[$"{key}:Match:Path"] = $"/{name}/{{**rest}}";
                settings[$"{key}:Match:Methods:0"] = "GET";
                settings[$"{key}:Match:Methods:1"] = "OPTIONS";
                settings[$"{key}:AuthorizationPolicy"] = "anonymous";
                settings[$"{key}:Timeout"] = timeout;
                settings[$"{key}:Transforms:0:PathPattern"] = "/moved/{**rest}";
                settings[$"{key}:Transforms:1:QueryValueParameter"] = "added";
                settings[$"{key}:Transforms:1:Set"] = "yes";
                settings[$"{key}:Transforms:2:RequestHeader"] = "X-Route";
                settings[$"{key}:Transforms:2:Set"] = "a route";
                settings[$"{key}:Transforms:3:ResponseHeader"] = "Transformed";
                settings[$"{key}:Transforms:3:Set"] = "set";
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
