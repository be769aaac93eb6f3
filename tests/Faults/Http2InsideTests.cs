using System.Collections.Concurrent;
using System.Net;
using AuthMesh.LocalMesh;
using AuthMesh.TestMesh;
using AuthMesh.LocalMesh.Processes;
using AuthMesh.Tests.Gateway;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Streams;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace AuthMesh.Tests.Faults;

/// <summary>
/// Two replicas of a team's service, to which the gateway speaks HTTP/2. A relay stands before the first, whose requests wait until the
/// test lets them go.
/// </summary>
public sealed class Http2InsideTests : IAsyncLifetime
{
    private const int Waiting = 60, Large = 10 * 1024 * 1024;

    private readonly FakeIdentity identity = new();
    private readonly int first = Ports.Free(), second = Ports.Free();
    private readonly TaskCompletionSource released = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ConcurrentQueue<string> held = new();
    private Relay relay = null!;
    private MeshService one = null!, two = null!;
    private LoneGateway gateway = null!;

    public async ValueTask InitializeAsync()
    {
        identity.Publish();
        await identity.StartAsync();
        relay = new Relay(first);
        one = await MeshService.StartAsync(Ports.Free(), identity, app => Map(app, released.Task), http2Port: first);
        two = await MeshService.StartAsync(Ports.Free(), identity, app => Map(app, Task.CompletedTask), http2Port: second);
        gateway = new LoneGateway(new(
        [
            .. Route("both", "/both/{**rest}"), .. Route("slow", "/slow/{**rest}"),
            new("ReverseProxy:Clusters:both:Destinations:one:Address", Loopback.Origin(relay.Port)),
            new("ReverseProxy:Clusters:both:Destinations:two:Address", Loopback.Origin(second)),
            new("ReverseProxy:Clusters:slow:Destinations:one:Address", Loopback.Origin(first)),
        ]));
        await gateway.InitializeAsync();
    }

    public async ValueTask DisposeAsync()
    {
        released.TrySetResult();
        await gateway.DisposeAsync();
        relay.Dispose();
        await one.DisposeAsync();
        await two.DisposeAsync();
        await identity.DisposeAsync();
    }

    [Fact]
    public async Task Safe_requests_survive_a_broken_connection_and_others_are_not_repeated()
    {
        var safe = Enumerable.Range(0, Waiting).Select(i => gateway.Caller.GetAsync($"/both/wait/{i}")).ToList();
        var posts = Enumerable.Range(0, Waiting).Select(
            i => gateway.Caller.PostAsync($"/both/wait/post-{i}", new { })).ToList();
        await Patience.UntilAsync(() => safe.Exists(IsHeld) && posts.Exists(IsHeld) && safe.Concat(posts).All(IsHeldOrDone));
        var (heldSafe, heldPosts) = (safe.Count(IsHeld), posts.Count(IsHeld));

        relay.Cut();

        Assert.All(await Task.WhenAll(safe), answer => Assert.Equal("HTTP/2", answer.Text));
        var broken = (await Task.WhenAll(posts)).Where(answer => answer.Status != 200).ToList();
        Assert.Equal(heldPosts, broken.Count);
        Assert.All(broken, answer => answer.AssertError(503, "service_unavailable"));
        Assert.True(heldSafe > 1 && heldPosts > 1, $"{heldSafe} and {heldPosts} shared the connection.");
        Assert.Equal(held.Distinct().Count(), held.Count); // a POST reached one replica once

        bool IsHeld(Task<Answer> request) => !request.IsCompleted;
        bool IsHeldOrDone(Task<Answer> request) => request.IsCompleted || held.Count == safe.Concat(posts).Count(IsHeld);
    }

    [Fact]
    public async Task A_host_that_falls_silent_is_noticed_long_before_the_request_times_out()
    {
        var waiting = Enumerable.Range(0, Waiting).Select(i => gateway.Caller.GetAsync($"/both/wait/{i}")).ToList();
        await Patience.UntilAsync(() => !held.IsEmpty && waiting.Count(request => !request.IsCompleted) == held.Count);

        relay.FallSilent();

        Assert.All(await Task.WhenAll(waiting), answer => Assert.Equal("HTTP/2", answer.Text)); // the route's timeout is a minute
    }

    [Fact]
    public async Task Large_bodies_that_nobody_reads_hold_up_no_other_request()
    {
        using var client = new HttpClient { BaseAddress = gateway.Caller.Address };
        var uploads = Enumerable.Range(0, 8).Select(_ => client.PostAsync(
            "/slow/upload", new ByteArrayContent(new byte[Large]), TestContext.Current.CancellationToken)).ToList();
        var downloads = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => client.GetAsync(
            "/slow/large", HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken)));
        await Patience.UntilAsync(() => held.Count == uploads.Count);

        for (var i = 0; i < 20; i++)
        {
            Assert.Equal("HTTP/2", (await gateway.Caller.GetAsync("/slow/protocol")).Text);
            Assert.Equal("2", (await gateway.Caller.PostAsync("/slow/size", new { })).Text); // {}
        }

        Assert.All(uploads, upload => Assert.False(upload.IsCompleted));
        released.SetResult();
        foreach (var upload in uploads)
        {
            Assert.Equal(
                $"{Large}", await (await upload).Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        }

        foreach (var download in downloads)
        {
            Assert.Equal(Large, (await download.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken)).Length);
            download.Dispose();
        }
    }

    private void Map(WebApplication app, Task release)
    {
        app.MapGet("/{cluster}/protocol", (HttpContext context) => context.Request.Protocol).AllowAnonymous();
        app.MapPost("/{cluster}/size", (HttpContext context, CancellationToken _) => SizeAsync(context)).AllowAnonymous();
        app.MapMethods("/{cluster}/wait/{id}", ["GET", "POST"], async (HttpContext context, string id) =>
        {
            if (!release.IsCompleted)
            {
                held.Enqueue(id);
            }

            await release.WaitAsync(context.RequestAborted);
            return context.Request.Protocol;
        }).AllowAnonymous();
        app.MapPost("/{cluster}/upload", async (HttpContext context) =>
        {
            context.Features.GetRequiredFeature<IHttpMaxRequestBodySizeFeature>().MaxRequestBodySize = Large;
            held.Enqueue($"upload {held.Count}");
            await release.WaitAsync(context.RequestAborted);
            return await SizeAsync(context);
        }).AllowAnonymous();
        app.MapGet("/{cluster}/large", () => Results.Bytes(new byte[Large])).AllowAnonymous();
    }

    private static async Task<string> SizeAsync(HttpContext context)
    {
        var (buffer, size) = (new byte[64 * 1024], 0);
        while (await context.Request.Body.ReadAsync(buffer, context.RequestAborted) is > 0 and var read)
        {
            size += read;
        }

        return $"{size}";
    }

    private static IEnumerable<KeyValuePair<string, string>> Route(string name, string path) =>
    [
        new($"ReverseProxy:Routes:{name}:ClusterId", name),
        new($"ReverseProxy:Routes:{name}:Match:Path", path),
        new($"ReverseProxy:Routes:{name}:Match:Methods:0", "GET"),
        new($"ReverseProxy:Routes:{name}:Match:Methods:1", "POST"),
        new($"ReverseProxy:Routes:{name}:AuthorizationPolicy", "anonymous"),
        new($"ReverseProxy:Routes:{name}:MaxRequestBodySize", $"{Large}"),
        new($"ReverseProxy:Routes:{name}:Timeout", "00:01:00"),
        new($"ReverseProxy:Clusters:{name}:HttpRequest:Version", "2"),
        new($"ReverseProxy:Clusters:{name}:HttpRequest:VersionPolicy", "RequestVersionExact"),
    ];
}
