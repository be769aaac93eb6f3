using System.Net;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.ShortPath;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace AuthMesh.Tests.Replicas;

/// <summary>How a service stops: it says so, serves on for a while, and then finishes what it has begun.</summary>
public sealed class ShutdownGraceTests
{
    private readonly FakeTimeProvider clock = new();
    private readonly TaskCompletionSource released = new(TaskCreationOptions.RunContinuationsAsynchronously);

    [Fact]
    public async Task A_stopping_service_is_not_ready_and_closes_connections_but_serves_until_its_grace_is_over()
    {
        await using var service = await StartAsync();
        using var caller = new Caller(service.Address);
        Assert.Equal(200, (await caller.GetAsync("/health/ready")).Status);
        Assert.Null((await caller.GetAsync("/open")).Header("Connection"));

        var stopping = service.StopAsync();

        var ready = await Patience.UntilAsync(() => caller.GetAsync("/health/ready"), answer => answer.Status != 200);
        ready.AssertError(503, "not_ready", "Not ready: stopping");
        Assert.Equal("close", ready.Header("Connection"));
        foreach (var (path, status) in new[] { ("/open", 200), ("/health/live", 200), ("/guarded", 401) })
        {
            var answer = await caller.GetAsync(path);
            Assert.Equal((status, "close"), (answer.Status, answer.Header("Connection")));
        }

        clock.Advance(TimeSpan.FromSeconds(4.9));
        Assert.Equal(200, (await caller.GetAsync("/open")).Status);
        Assert.False(stopping.IsCompleted);

        await UntilStoppedAsync(stopping);
        await Assert.ThrowsAsync<HttpRequestException>(() => caller.GetAsync("/open"));
    }

    [Fact]
    public async Task A_request_that_is_under_way_when_the_grace_is_over_gets_its_answer()
    {
        await using var service = await StartAsync();
        using var caller = new Caller(service.Address);
        using var late = new Caller(service.Address);
        var slow = caller.GetAsync("/slow");
        await Patience.UntilAsync(async () => (await late.GetAsync("/waiting")).Text == "1");

        var stopping = service.StopAsync();
        await Patience.UntilAsync(async () =>
        {
            clock.Advance(TimeSpan.FromSeconds(1));
            try
            {
                await late.GetAsync("/open");
                return false;
            }
            catch (HttpRequestException)
            {
                return true; // it listens no longer
            }
        });
        Assert.False(stopping.IsCompleted);

        released.SetResult();

        Assert.Equal((200, "at last"), ((await slow).Status, (await slow).Text));
        await stopping;
    }

    [Fact]
    public async Task An_answer_over_HTTP_2_has_no_header_of_the_connection()
    {
        await using var service = await StartAsync(HttpProtocols.Http2);
        using var caller = new Caller(service.Address);
        Assert.Equal(200, (await AskAsync("/health/ready")).Status);

        var stopping = service.StopAsync();

        await Patience.UntilAsync(async () => (await AskAsync("/health/ready")).Status == 503);
        var answer = await AskAsync("/open");
        Assert.Equal((200, null), (answer.Status, answer.Header("Connection")));
        await UntilStoppedAsync(stopping);

        Task<Answer> AskAsync(string path) => caller.SendAsync(
            HttpMethod.Get, path,
            change: request => (request.Version, request.VersionPolicy) = (HttpVersion.Version20, HttpVersionPolicy.RequestVersionExact));
    }

    [Fact]
    public async Task A_service_that_refuses_to_start_stops_at_once()
    {
        await using var service = await StartAsync();

        service.RefuseToStart("The database is too old");

        await service.StopAsync(); // without a step of the clock
    }

    private Task<TestService> StartAsync(HttpProtocols protocols = HttpProtocols.Http1)
    {
        var waiting = 0;
        return TestService.StartAsync(
            before: builder => builder.Services.AddSingleton<TimeProvider>(clock),
            use: app =>
            {
                app.MapGet("/open", () => "open").AllowAnonymous();
                app.MapGet("/guarded", () => "guarded");
                app.MapGet("/waiting", () => $"{waiting}").AllowAnonymous();
                app.MapGet("/slow", async (HttpContext _) =>
                {
                    Interlocked.Increment(ref waiting);
                    await released.Task;
                    return "at last";
                }).AllowAnonymous();
            },
            protocols: protocols);
    }

    private Task UntilStoppedAsync(Task stopping) => Patience.UntilAsync(() =>
    {
        clock.Advance(TimeSpan.FromSeconds(1));
        return stopping.IsCompleted;
    });
}
