using System.Net.WebSockets;
using AuthMesh.LocalMesh;
using AuthMesh.Tests.Gateway;
using AuthMesh.Tests.Harness;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace AuthMesh.Tests.Streams;

/// <summary>
/// A service without AuthMesh behind the gateway: /live sends back every byte, unless the test handles the connection itself. /events sends
/// one event, and /mute says nothing.
/// </summary>
internal sealed class StreamService : IAsyncDisposable
{
    private WebApplication app = null!;
    private int open;

    public Uri Address { get; private set; } = null!;

    /// <summary>How many requests are being handled.</summary>
    public int Open => Volatile.Read(ref open);

    /// <summary>The last request that arrived.</summary>
    public (string Query, IHeaderDictionary Headers) Arrived { get; private set; }

    /// <summary>Handles the bytes of a WebSocket in place of the echo.</summary>
    public Func<Stream, CancellationToken, Task>? OnSocket { get; set; }

    public async Task StartAsync(int port = 0)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        app = builder.Build();
        app.Urls.Add(Loopback.Origin(port));
        app.UseWebSockets();
        app.Run(async context =>
        {
            Interlocked.Increment(ref open);
            try
            {
                Arrived = (context.Request.QueryString.Value!, new HeaderDictionary(context.Request.Headers.ToDictionary()));
                await AnswerAsync(context);
            }
            catch (Exception exception) when (exception is IOException or OperationCanceledException or WebSocketException)
            {
                // the gateway has closed
            }
            finally
            {
                Interlocked.Decrement(ref open);
            }
        });
        await app.StartAsync();
        Address = new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());
    }

    /// <summary>Cuts all connections. <see cref="StartAsync"/> starts it again.</summary>
    public async Task KillAsync()
    {
        using var now = new CancellationTokenSource(TimeSpan.Zero); // streams would keep it
        await app.StopAsync(now.Token);
        await app.DisposeAsync();
    }

    public async ValueTask DisposeAsync() => await KillAsync();

    public static async Task EchoAsync(WebSocket socket)
    {
        var buffer = new byte[64 * 1024];
        while (await socket.ReceiveAsync(buffer.AsMemory(), CancellationToken.None) is var received
            && received.MessageType != WebSocketMessageType.Close)
        {
            await socket.SendAsync(buffer.AsMemory(0, received.Count), received.MessageType, received.EndOfMessage, CancellationToken.None);
        }

        await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None);
    }

    private async Task AnswerAsync(HttpContext context)
    {
        if (context.Request.Path == "/mute")
        {
            await Task.Delay(Timeout.Infinite, context.RequestAborted);
        }
        else if (context.WebSockets.IsWebSocketRequest && OnSocket is { } handle)
        {
            context.Response.Headers.SecWebSocketAccept = Accept(context.Request.Headers.SecWebSocketKey!);
            context.Response.Headers.Upgrade = "websocket";
            context.Response.Headers.Connection = "Upgrade";
            await using var stream = await context.Features.GetRequiredFeature<IHttpUpgradeFeature>().UpgradeAsync();
            await handle(stream, context.RequestAborted);
        }
        else if (context.WebSockets.IsWebSocketRequest)
        {
            using var socket = await context.WebSockets.AcceptWebSocketAsync();
            await EchoAsync(socket);
        }
        else
        {
            context.Response.ContentType = "text/event-stream";
            await context.Response.WriteAsync("data: first\n\n");
            await context.Response.Body.FlushAsync();
            await Task.Delay(Timeout.Infinite, context.RequestAborted);
        }
    }

    // RFC 6455 §4.2.2
    private static string Accept(string key) => Convert.ToBase64String(
#pragma warning disable CA5350, RS0030 // the protocol demands SHA-1
        System.Security.Cryptography.SHA1.HashData(System.Text.Encoding.ASCII.GetBytes(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")));
#pragma warning restore CA5350, RS0030
}

/// <summary>A gateway between a <see cref="FakeIdentity"/> and a <see cref="StreamService"/>. Tokens have no grace here.</summary>
public class StreamGateway : IAsyncLifetime
{
    private readonly Dictionary<string, string> settings;
    private LoneGateway gateway = null!;

    public StreamGateway()
        : this([])
    {
    }

    internal StreamGateway(Dictionary<string, string> settings) => this.settings = settings;

    /// <inheritdoc cref="LoneGateway.Port"/>
    internal int Port { get; init; }

    internal FakeIdentity Identity => gateway.Identity;

    internal StreamService Service { get; } = new();

    public Caller Caller => gateway.Caller;

    public string Log => gateway.Log;

    public IReadOnlyDictionary<string, string> Settings => gateway.Settings;

    public async ValueTask InitializeAsync()
    {
        await Service.StartAsync();
        var all = new Dictionary<string, string>
        {
            ["AuthMesh:ClockSkew"] = "00:00:00",
            ["Gateway:CorsOrigins:0"] = "https://app.example.test",
            ["ReverseProxy:Clusters:streams:Destinations:one:Address"] = Service.Address.ToString(),
            ["ReverseProxy:Routes:live:ClusterId"] = "streams",
            ["ReverseProxy:Routes:events:ClusterId"] = "streams",
        };
        all["ReverseProxy:Routes:query:Metadata:TokenInQuery"] = "true";
        foreach (var (key, value) in Route("mute").Concat(Route("query")))
        {
            all[key] = value;
        }

        foreach (var (key, value) in settings)
        {
            all[key] = value;
        }

        gateway = new LoneGateway(all) { Port = Port };
        await gateway.InitializeAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await gateway.DisposeAsync();
        await Service.DisposeAsync();
    }

    /// <summary>A new session, its token and its cookie.</summary>
    internal (string Cookie, Guid Id, string Token) SignIn()
    {
        var (cookie, claims) = Identity.SignIn();
        return (cookie, Guid.Parse(claims["sid"]!.GetValue<string>()), Identity.Sign(claims));
    }

    private static IEnumerable<KeyValuePair<string, string>> Route(string name) =>
    [
        new($"ReverseProxy:Routes:{name}:ClusterId", "streams"),
        new($"ReverseProxy:Routes:{name}:Match:Path", $"/{name}"),
        new($"ReverseProxy:Routes:{name}:Match:Methods:0", "GET"),
        new($"ReverseProxy:Routes:{name}:AuthorizationPolicy", "signed-in"),
        new($"ReverseProxy:Routes:{name}:Metadata:Streaming", "true"),
    ];
}
