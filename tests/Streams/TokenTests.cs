using System.Net.WebSockets;
using AuthMesh.Tests.Gateway;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Streams;

/// <summary>No stream outlives its token, unless the gateway gets another one for its cookie at that moment.</summary>
public sealed class TokenTests : IClassFixture<StreamGateway>
{
    private readonly StreamGateway mesh;

    public TokenTests(StreamGateway mesh)
    {
        this.mesh = mesh;
        Identity.AnswerAsUsual();
    }

    private FakeIdentity Identity => mesh.Identity;

    [Fact]
    public async Task A_stream_by_bearer_token_ends_when_the_token_expires()
    {
        Identity.TokenLifetime = TimeSpan.FromSeconds(2);
        var session = mesh.SignIn();
        using var socket = await mesh.Caller.OpenAsync(session.Token);
        using var events = await EventReader.OpenAsync(mesh.Caller, session.Token);

        Assert.Equal((4401, "token_expired"), await socket.UntilClosedAsync());
        Assert.True(await events.UntilCutAsync());
    }

    [Fact]
    public async Task A_stream_by_cookie_goes_on_with_the_next_token_until_the_exchange_is_refused()
    {
        Identity.TokenLifetime = TimeSpan.FromSeconds(5); // a pause of a busy machine is shorter than half of it
        var session = mesh.SignIn();
        using var socket = await OpenAsync(session.Cookie);

        await Patience.UntilAsync(() => Identity.ExchangesOf(session.Cookie) >= 3);
        Assert.Equal("still here", await socket.EchoAsync("still here"));

        Identity.SignOut(session.Cookie); // the feed says nothing
        Assert.Equal((4401, "session_ended"), await socket.UntilClosedAsync());
    }

    [Fact]
    public async Task A_stream_by_cookie_ends_with_its_token_while_nobody_exchanges_the_cookie()
    {
        Identity.TokenLifetime = TimeSpan.FromSeconds(2);
        var session = mesh.SignIn();
        using var socket = await OpenAsync(session.Cookie);
        Identity.AnswerInstead(503, "{}");

        Assert.Equal((4401, "token_expired"), await socket.UntilClosedAsync());
    }

    [Fact]
    public async Task A_cookie_whose_next_token_has_another_epoch_keeps_no_stream()
    {
        Identity.TokenLifetime = TimeSpan.FromSeconds(2);
        var session = mesh.SignIn();
        using var socket = await OpenAsync(session.Cookie);
        Identity.Change(session.Cookie, "epoch", 1); // for example with another role

        Assert.Equal((4401, "session_ended"), await socket.UntilClosedAsync());
    }

    [Fact]
    public async Task A_stream_begins_with_a_token_in_the_first_half_of_its_life()
    {
        Identity.TokenLifetime = TimeSpan.FromSeconds(3);
        var session = mesh.SignIn();
        var opened = TimeProvider.System.GetTimestamp();
        using (await OpenAsync(session.Cookie))
        {
        }

        using (await OpenAsync(session.Cookie)) // with the same token
        {
        }

        var isFresh = TimeProvider.System.GetElapsedTime(opened) < TimeSpan.FromSeconds(0.9); // unless the machine stalled
        Assert.True(!isFresh || Identity.ExchangesOf(session.Cookie) == 1);
        await Patience.UntilAsync(() => TimeProvider.System.GetElapsedTime(opened) > TimeSpan.FromSeconds(1.6));
        using var second = await OpenAsync(session.Cookie);

        Assert.True(Identity.ExchangesOf(session.Cookie) > 1);
    }

    [Fact]
    public async Task A_cached_token_opens_a_stream_while_the_identity_service_is_away()
    {
        Identity.TokenLifetime = TimeSpan.FromSeconds(4);
        var session = mesh.SignIn();
        var opened = TimeProvider.System.GetTimestamp();
        using (await OpenAsync(session.Cookie))
        {
        }

        Identity.AnswerInstead(503, "{}");
        await Patience.UntilAsync(() => TimeProvider.System.GetElapsedTime(opened) > TimeSpan.FromSeconds(2.1));
        using var second = await OpenAsync(session.Cookie);

        Assert.Equal("hello", await second.EchoAsync("hello"));
    }

    [Fact]
    public async Task A_distrusted_key_ends_bearer_streams_and_replaces_the_tokens_of_cookie_streams()
    {
        var session = mesh.SignIn();
        using var byCookie = await OpenAsync(session.Cookie);
        using var byToken = await mesh.Caller.OpenAsync(session.Token);
        var stolen = Identity.Key;
        Identity.Publish();

        Identity.Tell("key-distrusted", new { kid = stolen.KeyId });

        Assert.Equal((4401, "session_ended"), await byToken.UntilClosedAsync());
        await Patience.UntilAsync(() => Identity.ExchangesOf(session.Cookie) == 2);
        Assert.Equal("still here", await byCookie.EchoAsync("still here"));
        Identity.Tell("session-ended", new { sid = session.Id });
        Assert.Equal((4401, "session_ended"), await byCookie.UntilClosedAsync());
    }

    [Fact]
    public async Task A_rotation_ends_nothing()
    {
        var session = mesh.SignIn();
        using var socket = await mesh.Caller.OpenAsync(session.Token);
        var old = Identity.Key;
        Identity.Publish();
        Identity.Withdraw(old);
        await mesh.Caller.GetAsync("/protected", mesh.SignIn().Token); // the gateway has the new key

        Assert.Equal("still here", await socket.EchoAsync("still here"));
    }

    private Task<ClientWebSocket> OpenAsync(string cookie) => mesh.Caller.OpenAsync(
        token: null, change: options => options.SetRequestHeader("Cookie", $"{LoneGateway.CookieName}={cookie}"));
}
