using System.Net.WebSockets;
using AuthMesh.Tests.Gateway;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Streams;

/// <summary>No stream outlives its token, unless the gateway gets another one for its cookie at that moment.</summary>
public sealed class TokenTests : IAsyncLifetime
{
    private readonly StreamGateway mesh = new();

    private FakeIdentity Identity => mesh.Identity;

    public ValueTask InitializeAsync() => mesh.InitializeAsync();

    public ValueTask DisposeAsync() => mesh.DisposeAsync();

    [Fact]
    public async Task A_stream_by_bearer_token_ends_when_the_token_expires()
    {
        Identity.TokenLifetime = TimeSpan.FromSeconds(2);
        var session = mesh.SignIn();
        using var socket = await mesh.Caller.OpenAsync(session.Token);
        using var events = await EventReader.OpenAsync(mesh.Caller, session.Token);

        Assert.Equal((4401, "token_expired"), await socket.UntilClosedAsync());
        Assert.True(await events.UntilCutAsync());
        Assert.Equal(0, Identity.TotalExchanges);
    }

    [Fact]
    public async Task A_stream_by_cookie_goes_on_with_the_next_token_until_the_exchange_is_refused()
    {
        Identity.TokenLifetime = TimeSpan.FromSeconds(2);
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

    [Theory]
    [InlineData("/query?access_token=TOKEN", "")]
    [InlineData("/query?a=1&access_token=TOKEN&b=%20x", "?a=1&b=%20x")]
    [InlineData("/query?ACCESS%5Ftoken=TOKEN&id=7", "?id=7")]
    public async Task A_token_in_the_query_moves_into_the_header(string path, string arrives)
    {
        var session = mesh.SignIn();
        using var socket = await mesh.Caller.OpenAsync(token: null, path.Replace("TOKEN", session.Token, StringComparison.Ordinal));

        Assert.Equal("hello", await socket.EchoAsync("hello"));
        Assert.Equal(arrives, mesh.Service.Arrived.Query);
        Assert.Equal("Bearer " + session.Token, mesh.Service.Arrived.Headers.Authorization);
        Assert.DoesNotContain(session.Token, mesh.Log, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/query?access_token=TOKEN&access_token=TOKEN", false, 400, "invalid_request")]
    [InlineData("/query?access_token=TOKEN&Access_Token=TOKEN", false, 400, "invalid_request")]
    [InlineData("/query?access_token=TOKEN", true, 400, "invalid_request")]
    [InlineData("/query?access_token=", true, 400, "invalid_request")]
    [InlineData("/query?access_token=", false, 401, "invalid_token")]
    [InlineData("/query?access_token=a%0D%0AX-Evil:%20b", false, 401, "invalid_token")]
    [InlineData("/query?access_token=xTOKEN", false, 401, "invalid_token")]
    [InlineData("/events?access_token=TOKEN", false, 401, "missing_token")] // a route without TokenInQuery
    public async Task Any_other_token_in_the_query_is_refused(string path, bool hasHeader, int status, string code)
    {
        var token = mesh.SignIn().Token;

        var answer = await mesh.Caller.GetAsync(path.Replace("TOKEN", token, StringComparison.Ordinal), hasHeader ? token : null);

        answer.AssertError(status, code);
    }

    [Theory]
    [InlineData("https://app.example.test", 401)]
    [InlineData("https://evil.example", 403)]
    public async Task A_listed_origin_must_bring_its_token_and_any_other_too(string origin, int status)
    {
        var session = mesh.SignIn();
        Action<ClientWebSocketOptions> page = options =>
        {
            options.SetRequestHeader("Origin", origin);
            options.SetRequestHeader("Cookie", $"{LoneGateway.CookieName}={session.Cookie}");
            options.CollectHttpResponseDetails = true;
        };
        using var refused = new ClientWebSocket();
        page(refused.Options);

        await Assert.ThrowsAsync<WebSocketException>(() => refused.ConnectAsync(mesh.Caller.SocketAddress("/query"), StreamCalls.Soon()));
        Assert.Equal(status, (int)refused.HttpStatusCode);
        Assert.Equal(0, Identity.TotalExchanges);
        using var socket = await mesh.Caller.OpenAsync(token: null, "/query?access_token=" + session.Token, page);
        Assert.Equal("hello", await socket.EchoAsync("hello"));
    }

    private Task<ClientWebSocket> OpenAsync(string cookie) => mesh.Caller.OpenAsync(
        token: null, change: options => options.SetRequestHeader("Cookie", $"{LoneGateway.CookieName}={cookie}"));
}
