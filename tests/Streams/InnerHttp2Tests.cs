using System.Net.WebSockets;
using AuthMesh.LocalMesh;
using AuthMesh.LocalMesh.Processes;
using AuthMesh.Tests.Gateway;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Streams;

/// <summary>Streams between the gateway and a service that speak HTTP/2: each WebSocket is a stream of a shared connection.</summary>
public sealed class InnerHttp2Tests : IAsyncLifetime
{
    private const int Sockets = 120; // more than one connection carries

    private readonly int port = Ports.Free(), http2Port = Ports.Free();
    private readonly LoneGateway gateway;
    private MeshService service = null!;

    public InnerHttp2Tests() => gateway = new LoneGateway(new()
    {
        ["ReverseProxy:Routes:live:ClusterId"] = "streams",
        ["ReverseProxy:Routes:events:ClusterId"] = "streams",
        ["ReverseProxy:Clusters:streams:Destinations:one:Address"] = Loopback.Origin(http2Port),
        ["ReverseProxy:Clusters:streams:HttpRequest:Version"] = "2",
        ["ReverseProxy:Clusters:streams:HttpRequest:VersionPolicy"] = "RequestVersionExact",
    });

    public async ValueTask InitializeAsync()
    {
        await gateway.InitializeAsync();
        service = await MeshService.StartAsync(port, gateway.Identity, MeshService.MapStreams, http2Port: http2Port);
    }

    public async ValueTask DisposeAsync()
    {
        await service.DisposeAsync();
        await gateway.DisposeAsync();
    }

    [Fact]
    public async Task Streams_pass_and_end_one_by_one()
    {
        var sessions = Enumerable.Range(0, Sockets).Select(_ => gateway.Identity.SignIn().Claims).ToList();
        var sockets = await Together.RunAsync(Sockets, async i => await gateway.Caller.OpenAsync(gateway.Identity.Sign(sessions[i])));
        using var events = await EventReader.OpenAsync(gateway.Caller, gateway.Identity.Sign(sessions[0]));

        var echoes = await Together.RunAsync(Sockets, i => sockets[i].EchoAsync($"hello {i}"));
        Assert.Equal(Enumerable.Range(0, Sockets).Select(i => $"hello {i}"), echoes);
        gateway.Identity.Tell("session-ended", new { sid = sessions[0]["sid"]!.GetValue<string>() });

        Assert.Equal((4401, "session_ended"), await sockets[0].UntilClosedAsync());
        Assert.True(await events.UntilCutAsync());
        Assert.Equal("still here", await sockets[^1].EchoAsync("still here"));
        await sockets[^1].CloseAsync(WebSocketCloseStatus.NormalClosure, null, StreamCalls.Soon());
        Array.ForEach(sockets, socket => socket.Dispose());
    }
}
