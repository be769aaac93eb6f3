using System.Net.WebSockets;
using AuthMesh.Tests.Gateway;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.OpenApi;

namespace AuthMesh.Tests.Streams;

/// <summary>How many streams stay open, and what becomes of them when a part of the mesh goes away.</summary>
public sealed class LimitTests(LimitTests.Limited mesh) : IClassFixture<LimitTests.Limited>, IAsyncLifetime
{
    private const int Total = 100;

    public async ValueTask InitializeAsync() => await Patience.UntilAsync(() => mesh.Service.Open == 0);

    public ValueTask DisposeAsync() => default;

    [Fact]
    public async Task A_session_holds_only_so_many_streams()
    {
        var session = mesh.SignIn();
        using var first = await mesh.Caller.OpenAsync(session.Token);
        using var second = await mesh.Caller.OpenAsync(session.Token);
        using var third = await EventReader.OpenAsync(mesh.Caller, session.Token);

        var refused = await mesh.Caller.GetAsync("/events", session.Token);
        refused.AssertError(429, "too_many_streams");
        Contract.CheckRefusal(refused);
        Assert.Equal("1", refused.Header("Retry-After"));
        Assert.Equal(429, await RefusedAsync(session.Token));
        using var another = await mesh.Caller.OpenAsync(mesh.SignIn().Token);

        await first.CloseAsync(WebSocketCloseStatus.NormalClosure, null, StreamCalls.Soon());
        await Patience.UntilAsync(() => mesh.Service.Open == 3); // without the first one
        using var again = await mesh.Caller.OpenAsync(session.Token);
    }

    [Fact]
    public async Task All_sessions_together_hold_only_so_many_sockets_and_so_many_event_streams()
    {
        var sockets = await Together.RunAsync(Total, async _ => await mesh.Caller.OpenAsync(mesh.SignIn().Token));

        Assert.Equal(503, await RefusedAsync(mesh.SignIn().Token));
        var events = await Together.RunAsync(Total, async _ => await EventReader.OpenAsync(mesh.Caller, mesh.SignIn().Token));
        var full = await mesh.Caller.GetAsync("/events", mesh.SignIn().Token);
        full.AssertError(503, "streams_full");
        Contract.CheckRefusal(full);

        Array.ForEach(sockets, socket => socket.Dispose());
        Array.ForEach(events, stream => stream.Dispose());
        await Patience.UntilAsync(() => mesh.Service.Open == 0);
        using var next = await mesh.Caller.OpenAsync(mesh.SignIn().Token);
        using var nextEvents = await EventReader.OpenAsync(mesh.Caller, mesh.SignIn().Token);
    }

    [Fact]
    public async Task While_the_feed_is_cut_no_stream_opens_and_open_ones_go_on()
    {
        var (one, two) = (mesh.SignIn(), mesh.SignIn());
        using var open = await mesh.Caller.OpenAsync(one.Token);
        using var ends = await mesh.Caller.OpenAsync(two.Token);
        mesh.Identity.IsSilent = true;
        await Patience.UntilAsync(async () => (await mesh.Caller.GetAsync("/protected", one.Token)).Status == 503);

        Assert.Equal(503, await RefusedAsync(one.Token));
        Assert.Equal("still here", await open.EchoAsync("still here"));

        mesh.Identity.IsSilent = false;
        await Patience.UntilAsync(async () => (await mesh.Caller.GetAsync("/protected", one.Token)).Status != 503);
        mesh.Identity.Tell("session-ended", new { sid = two.Id });
        Assert.Equal((4401, "session_ended"), await ends.UntilClosedAsync());
        using var next = await mesh.Caller.OpenAsync(one.Token);
    }

    [Fact]
    public async Task A_service_that_says_nothing_to_a_handshake_is_absent()
    {
        var session = mesh.SignIn();
        using var socket = await RawSocket.ConnectAsync(mesh.Caller.Address);
        await socket.SendAsync(System.Text.Encoding.ASCII.GetBytes(RawSocket.Handshake(session.Token, "/mute")));
        await Patience.UntilAsync(() => mesh.Service.Open == 1);

        mesh.Identity.Tell("session-ended", new { sid = session.Id }); // nobody need wait for the ten seconds of its patience

        Assert.StartsWith("HTTP/1.1 401 ", await socket.ReadHeadAsync(), StringComparison.Ordinal);
        await Patience.UntilAsync(() => mesh.Service.Open == 0);
    }

    [Fact]
    public async Task Streams_end_with_their_service_and_the_next_ones_find_another()
    {
        var session = mesh.SignIn();
        using var socket = await mesh.Caller.OpenAsync(session.Token);
        using var events = await EventReader.OpenAsync(mesh.Caller, session.Token);

        await mesh.Service.KillAsync();

        await Assert.ThrowsAsync<WebSocketException>(socket.UntilClosedAsync);
        Assert.True(await events.UntilCutAsync());
        Assert.Equal(503, await RefusedAsync(session.Token));
        await mesh.Service.StartAsync(mesh.Service.Address.Port);
        using var next = await mesh.Caller.OpenAsync(session.Token);
        Assert.Equal("hello", await next.EchoAsync("hello"));
    }

    private async Task<int> RefusedAsync(string token)
    {
        using var socket = new ClientWebSocket();
        socket.Options.SetRequestHeader("Authorization", "Bearer " + token);
        socket.Options.CollectHttpResponseDetails = true;
        await Assert.ThrowsAsync<WebSocketException>(() => socket.ConnectAsync(mesh.Caller.SocketAddress("/live"), StreamCalls.Soon()));
        return (int)socket.HttpStatusCode;
    }

    public sealed class Limited() : StreamGateway(new()
    {
        ["AuthMesh:Revocations:StaleAfter"] = "00:00:05",
        ["AuthMesh:Revocations:OnStale"] = "Reject",
        ["Gateway:Streams:PerSession"] = "3",
        ["Gateway:Streams:Total"] = $"{Total}",
        ["Gateway:Streams:TotalEvents"] = $"{Total}",
    });
}
