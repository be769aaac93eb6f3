using System.Net.WebSockets;
using AuthMesh.Tests.Gateway;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Streams;

/// <summary>A stream brings its token in the header or, on some routes, in the query. Its service finds it in the header.</summary>
public sealed class QueryTokenTests(StreamGateway mesh) : IClassFixture<StreamGateway>
{
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

    [Fact]
    public async Task A_service_sees_the_headers_of_streams_on_streaming_routes_only()
    {
        var session = mesh.SignIn();
        Action<HttpRequestMessage> more = request =>
        {
            request.Headers.Add("Last-Event-ID", "7");
            request.Headers.Add("Sec-WebSocket-Protocol", "a-protocol");
            request.Headers.Add("AuthMesh-Stream", "forged");
        };
        using var events = await EventReader.OpenAsync(mesh.Caller, session.Token, change: more);
        var arrived = mesh.Service.Arrived.Headers;

        Assert.Equal(("7", "a-protocol"), (arrived["Last-Event-ID"].ToString(), arrived.SecWebSocketProtocol.ToString()));
        Assert.Matches(@"^[0-9]{10}\.[A-Za-z0-9_-]{43}$", arrived["AuthMesh-Stream"].ToString());
        var answer = await mesh.Caller.SendAsync(HttpMethod.Get, "/protected", change: request =>
        {
            request.Headers.Authorization = new("Bearer", session.Token);
            more(request);
        });
        Assert.All(["Last-Event-ID", "Sec-WebSocket-Protocol", "AuthMesh-Stream"], name => Assert.Null(answer.ArrivedHeader(name)));
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
        Assert.Equal(0, mesh.Identity.ExchangesOf(session.Cookie));
        using var socket = await mesh.Caller.OpenAsync(token: null, "/query?access_token=" + session.Token, page);
        Assert.Equal("hello", await socket.EchoAsync("hello"));
    }
}
