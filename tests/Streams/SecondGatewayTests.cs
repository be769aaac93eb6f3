using System.Net;
using System.Net.WebSockets;
using AuthMesh.LocalMesh;
using AuthMesh.LocalMesh.Processes;
using AuthMesh.TestMesh;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Streams;

/// <summary>A gateway that a test stops, and that speaks HTTP/2 without TLS at a second address.</summary>
public sealed class SecondGatewayTests(SecondGatewayTests.Gateways mesh) : IClassFixture<SecondGatewayTests.Gateways>
{
    [Fact]
    public async Task A_stopping_gateway_tells_its_sockets_and_cuts_the_other_streams()
    {
        var session = mesh.First.SignIn();
        using var caller = new Caller(mesh.Second);
        using var socket = await caller.OpenAsync(session.Token);
        using var events = await EventReader.OpenAsync(caller, session.Token);

        var stopping = mesh.Second.StopAsync();

        Assert.Equal((1001, "going_away"), await socket.UntilClosedAsync());
        Assert.True(await events.UntilCutAsync());
        Assert.Equal(0, await stopping);
        await mesh.Second.RestartAsync(); // for the other tests
        await mesh.Second.WaitUntilReadyAsync(cancellation: TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task A_WebSocket_over_HTTP_2_passes_and_ends_with_its_session()
    {
        var session = mesh.First.SignIn();
        using var socket = await OpenAsync(session.Token, "/live");
        Assert.Equal("hello", await socket.EchoAsync("hello"));

        mesh.First.Identity.Tell("session-ended", new { sid = session.Id });

        Assert.Equal((4401, "session_ended"), await socket.UntilClosedAsync());
    }

    [Theory]
    [InlineData("/protected", 501)]
    [InlineData("/nothing", 501)]
    [InlineData("/health/live", 501)]
    public async Task CONNECT_is_refused_where_nothing_streams(string path, int status)
    {
        using var socket = new ClientWebSocket();
        var exception = await Assert.ThrowsAsync<WebSocketException>(() => ConnectAsync(socket, mesh.First.SignIn().Token, path));

        Assert.Equal(status, (int)socket.HttpStatusCode);
        Assert.NotNull(exception);
    }

    [Fact]
    public async Task CONNECT_from_a_foreign_page_needs_a_token()
    {
        var session = mesh.First.SignIn();
        using var refused = new ClientWebSocket();
        refused.Options.SetRequestHeader("Origin", "https://evil.example");
        refused.Options.SetRequestHeader("Cookie", $"__Host-authmesh={session.Cookie}");

        await Assert.ThrowsAsync<WebSocketException>(() => ConnectAsync(refused, null, "/live"));
        Assert.Equal(403, (int)refused.HttpStatusCode);
        using var own = new ClientWebSocket();
        own.Options.SetRequestHeader("Origin", ProductionMesh.Issuer);
        own.Options.SetRequestHeader("Cookie", $"__Host-authmesh={session.Cookie}");
        await ConnectAsync(own, null, "/live");
        Assert.Equal("hello", await own.EchoAsync("hello"));
    }

    private async Task<ClientWebSocket> OpenAsync(string token, string path)
    {
        var socket = new ClientWebSocket();
        await ConnectAsync(socket, token, path);
        return socket;
    }

    private async Task ConnectAsync(ClientWebSocket socket, string? token, string path)
    {
        socket.Options.HttpVersion = HttpVersion.Version20;
        socket.Options.HttpVersionPolicy = HttpVersionPolicy.RequestVersionExact;
        socket.Options.CollectHttpResponseDetails = true;
        if (token is not null)
        {
            socket.Options.SetRequestHeader("Authorization", "Bearer " + token);
        }

        using var http = new HttpMessageInvoker(new SocketsHttpHandler { UseProxy = false, UseCookies = false }, disposeHandler: false);
        await socket.ConnectAsync(new Uri($"ws://127.0.0.1:{mesh.Http2Port}{path}"), http, StreamCalls.Soon());
    }

    public sealed class Gateways : IAsyncLifetime
    {
        private readonly int port = Ports.Free();

        public StreamGateway First { get; } = new();

        public ServiceProcess Second { get; private set; } = null!;

        public int Http2Port { get; } = Ports.Free();

        public async ValueTask InitializeAsync()
        {
            await First.InitializeAsync();
            Second = await ServiceProcess.StartAsync(
                "gateway",
                new Dictionary<string, string>(First.Settings)
                {
                    ["Kestrel:Endpoints:one:Url"] = $"http://localhost:{port}",
                    ["Kestrel:Endpoints:two:Url"] = $"http://127.0.0.1:{Http2Port}",
                    ["Kestrel:Endpoints:two:Protocols"] = "Http2",
                },
                port: port, start: WithinThisProcess.StartAsync);
            await Second.WaitUntilReadyAsync(cancellation: TestContext.Current.CancellationToken);
        }

        public async ValueTask DisposeAsync()
        {
            await Second.DisposeAsync();
            await First.DisposeAsync();
        }
    }
}
