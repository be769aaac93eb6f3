using System.Net.WebSockets;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;

namespace AuthMesh.Tests.Streams;

/// <summary>Streams end when their session ends, through the gateway and at the service itself.</summary>
public sealed class EndTests(ProductionMesh mesh)
{
    public static TheoryData<bool> Ways => [true, false];

    private Caller At(bool isGateway) => isGateway ? mesh.Gateway : mesh.Resource;

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task A_logout_closes_the_sockets_of_its_session_and_no_others(bool isGateway)
    {
        var user = await mesh.Gateway.SignUpAsync();
        var elsewhere = await mesh.Gateway.SignInAgainAsync(user);
        using var first = await At(isGateway).OpenAsync(user.Token);
        using var second = await At(isGateway).OpenAsync(user.Token);
        using var other = await At(isGateway).OpenAsync(elsewhere.Token);
        Assert.Equal("hello", await first.EchoAsync("hello"));

        Assert.Equal(200, (await mesh.Gateway.LogoutAsync(user.Token)).Status);

        Assert.Equal((4401, "session_ended"), await first.UntilClosedAsync());
        Assert.Equal((4401, "session_ended"), await second.UntilClosedAsync());
        Assert.Equal("still here", await other.EchoAsync("still here"));
    }

    [Fact]
    public async Task HEAD_gets_the_headers_of_a_stream_and_ends()
    {
        var user = await mesh.Gateway.SignUpAsync();

        for (var i = 0; i < 20; i++) // more than a session may hold at a time
        {
            var head = await mesh.Gateway.SendAsync(
                HttpMethod.Head, "/events", change: request => request.Headers.Authorization = new("Bearer", user.Token));
            Assert.Equal((200, "text/event-stream"), (head.Status, head.Header("Content-Type")));
        }

        Assert.Equal(200, (await mesh.Gateway.GetAsync("/protected", user.Token)).Status);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task A_logout_cuts_event_streams(bool isGateway)
    {
        var user = await mesh.Gateway.SignUpAsync();
        var elsewhere = await mesh.Gateway.SignInAgainAsync(user);
        using var events = await EventReader.OpenAsync(At(isGateway), user.Token);
        using var other = await EventReader.OpenAsync(At(isGateway), elsewhere.Token);
        var others = other.UntilCutAsync();

        Assert.Equal(200, (await mesh.Gateway.LogoutAsync(user.Token)).Status);

        Assert.True(await events.UntilCutAsync());
        Assert.False(others.IsCompleted);
        Assert.Equal(200, (await mesh.Gateway.LogoutAsync(elsewhere.Token)).Status);
        Assert.True(await others);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task A_new_password_closes_the_streams_of_every_session(bool isGateway)
    {
        var user = await mesh.Gateway.SignUpAsync();
        var elsewhere = await mesh.Gateway.SignInAgainAsync(user);
        using var own = await At(isGateway).OpenAsync(user.Token);
        using var other = await At(isGateway).OpenAsync(elsewhere.Token);

        Assert.Equal(200, (await mesh.Gateway.ChangePasswordAsync(user.Token, user.Password, "a new password for a test")).Status);

        Assert.Equal((4401, "session_ended"), await own.UntilClosedAsync());
        Assert.Equal((4401, "session_ended"), await other.UntilClosedAsync());
    }

    [Fact]
    public async Task A_stream_by_cookie_ends_with_its_session()
    {
        var user = await mesh.Gateway.SignUpAsync();
        using var socket = await mesh.Gateway.OpenAsync(
            token: null, change: options => options.SetRequestHeader("Cookie", $"__Host-authmesh={user.Cookie}"));
        using var events = await EventReader.OpenAsync(
            mesh.Gateway, token: null, change: request => request.Headers.Add("Cookie", $"__Host-authmesh={user.Cookie}"));

        Assert.Equal(200, (await mesh.Gateway.LogoutAsync(user.Token)).Status);

        Assert.Equal((4401, "session_ended"), await socket.UntilClosedAsync());
        Assert.True(await events.UntilCutAsync());
    }

    [Fact]
    public async Task A_logout_that_races_the_handshake_leaves_no_stream()
    {
        const int Rounds = 200;
        var user = await mesh.Gateway.SignUpAsync();
        var (race, opened) = (new Race(), 0);
        for (var round = 0; round < Rounds; round++)
        {
            var session = await mesh.Gateway.SignInAgainAsync(user);

            var (logout, wasOpened) = await race.RunAsync(
                () => mesh.Gateway.LogoutAsync(session.Token), () => OpenUntilClosedAsync(session), wasOpened => wasOpened);

            Assert.Equal(200, logout.Status);
            opened += wasOpened ? 1 : 0;
        }

        Assert.InRange(opened, 1, Rounds - 1); // otherwise no round was a race
    }

    /// <returns>Whether the stream opened.</returns>
    private async Task<bool> OpenUntilClosedAsync(SignedIn session)
    {
        try
        {
            using var socket = await mesh.Gateway.OpenAsync(session.Token);
            Assert.Equal(4401, (await socket.UntilClosedAsync()).Code);
            return true;
        }
        catch (WebSocketException)
        {
            return false; // refused, or cut before it was open
        }
    }
}
