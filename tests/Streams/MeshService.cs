using System.Collections.Concurrent;
using AuthMesh.LocalMesh;
using AuthMesh.Streams;
using AuthMesh.Tests.Harness;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace AuthMesh.Tests.Streams;

/// <summary>A team's own service with <c>AddAuthMesh()</c>, which follows an identity service that a test controls.</summary>
internal sealed class MeshService : IAsyncDisposable
{
    private WebApplication app = null!;

    public int OpenStreams => app.Services.GetRequiredService<OpenStreams>().All().Count;

    /// <summary>The requests of /watch that were told of the end of their session.</summary>
    public static ConcurrentQueue<string> Told { get; } = new();

    /// <summary>The names of requests to <c>/watch</c> that are over: a client has its answer a little earlier.</summary>
    public static ConcurrentQueue<string> Over { get; } = new();

    /// <param name="port">Where it listens.</param>
    /// <param name="identity">Whose tokens it accepts.</param>
    /// <param name="map">Its endpoints.</param>
    /// <param name="build">Its own registrations.</param>
    /// <param name="http2Port">Where it listens for HTTP/2.</param>
    public static async Task<MeshService> StartAsync(
        int port, FakeIdentity identity, Action<WebApplication> map, Action<WebApplicationBuilder>? build = null, int? http2Port = null)
    {
        var builder = WebApplication.CreateBuilder();
        builder.Configuration["urls"] = Loopback.Origin(port);
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["AuthMesh:Issuer"] = ProductionMesh.Issuer,
            ["AuthMesh:ServiceKey"] = ProductionMesh.ServiceKey,
            ["AuthMesh:IdentityUrl"] = identity.Address.GetLeftPart(UriPartial.Authority),
            ["AuthMesh:ClockSkew"] = "00:00:00",
            ["AuthMesh:Http2Url"] = http2Port is { } http2 ? Loopback.Origin(http2) : "",
        });
        builder.AddAuthMesh();
        builder.Logging.ClearProviders();
        build?.Invoke(builder);
        var service = new MeshService { app = builder.Build() };
        service.app.UseWebSockets();
        map(service.app);
        await service.app.StartAsync();
        using var caller = new Caller(new Uri(Loopback.Origin(port)));
        await Patience.UntilAsync(async () => (await caller.GetAsync("/health/ready")).Status == 200);
        return service;
    }

    public async ValueTask DisposeAsync()
    {
        using var now = new CancellationTokenSource(TimeSpan.Zero);
        await app.StopAsync(now.Token);
        await app.DisposeAsync();
    }

    /// <summary>Endpoints that know nothing of sessions: an echo, an event stream, and another one that anybody may read.</summary>
    public static void MapStreams(WebApplication app)
    {
        app.Map("/live", async context =>
        {
            using var socket = await context.WebSockets.AcceptWebSocketAsync();
            await StreamService.EchoAsync(socket);
        });
        app.MapGet("/events", TellAsync);
        app.MapGet("/open", TellAsync).AllowAnonymous();
        // A handler that gives up a receive that still waits.
        app.Map("/careless", async context =>
        {
            using var socket = await context.WebSockets.AcceptWebSocketAsync();
            _ = socket.ReceiveAsync(new byte[10], CancellationToken.None);
            await Task.Delay(Timeout.Infinite, context.SessionEnded).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        });
        app.MapGet("/watch/{name}", (HttpContext context, string name) =>
        {
            context.Response.OnCompleted(() => // the last to be called, because it is the first to be registered
            {
                Over.Enqueue(name);
                return Task.CompletedTask;
            });
            context.SessionEnded.Register(() => Told.Enqueue(name));
            return context.Request.Query.ContainsKey("stay") ? TellAsync(context) : Task.CompletedTask;
        });
    }

    private static async Task TellAsync(HttpContext context)
    {
        context.Response.ContentType = "text/event-stream; charset=utf-8";
        await context.Response.WriteAsync("data: first\n\n");
        await context.Response.Body.FlushAsync();
        await Task.Delay(Timeout.Infinite, context.RequestAborted);
    }
}
