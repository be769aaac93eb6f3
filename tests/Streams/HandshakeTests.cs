using System.Net.WebSockets;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;

namespace AuthMesh.Tests.Streams;

/// <summary>WebSockets and event streams pass on streaming routes, in exactly one form.</summary>
public sealed class HandshakeTests(ProductionMesh mesh)
{
    private const string Upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
    private const string Version = "Sec-WebSocket-Version: 13\r\n";
    private const string Key = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";

    public static TheoryData<string, string> Hostile => new()
    {
        { "GET /live HTTP/1.1", Upgrade + Key },
        { "GET /live HTTP/1.1", Upgrade + Key + "Sec-WebSocket-Version: 12\r\n" },
        { "GET /live HTTP/1.1", Upgrade + Key + Version + Version },
        { "GET /live HTTP/1.1", Upgrade + Key + "Sec-WebSocket-Version: 13, 8\r\n" },
        { "GET /live HTTP/1.1", Upgrade + Version },
        { "GET /live HTTP/1.1", Upgrade + Version + Key + Key },
        { "GET /live HTTP/1.1", Upgrade + Version + "Sec-WebSocket-Key: \r\n" },
        { "GET /live HTTP/1.1", Upgrade + Version + "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAA\r\n" },
        { "GET /live HTTP/1.1", Upgrade + Version + "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAAAA\r\n" },
        { "GET /live HTTP/1.1", Upgrade + Version + "Sec-WebSocket-Key: !!!!!!!!!!!!!!!!!!!!!!==\r\n" },
        { "GET /live HTTP/1.1", Upgrade + "Upgrade: websocket\r\n" + Version + Key },
        { "GET /live HTTP/1.1", "Connection: Upgrade\r\nUpgrade: websocket, websocket\r\n" + Version + Key },
        { "GET /live HTTP/1.1", "Connection: Upgrade\r\nUpgrade: h2c, websocket\r\n" + Version + Key },
        { "GET /live HTTP/1.1", "Connection: Upgrade\r\nUpgrade: websocket/13\r\n" + Version + Key },
        { "GET /live HTTP/1.1", "Upgrade: websocket\r\n" + Version + Key },
        { "GET /live HTTP/1.0", Upgrade + Version + Key },
        { "POST /live HTTP/1.1", Upgrade + Version + Key },
        { "POST /live HTTP/1.1", Upgrade + Version + Key + "Content-Length: 0\r\n" },
        { "HEAD /live HTTP/1.1", Upgrade + Version + Key },
        { "GET /protected HTTP/1.1", Upgrade + Version + Key },
        { "GET /echo/x HTTP/1.1", Upgrade + Version + Key },
        { "GET /nothing HTTP/1.1", Upgrade + Version + Key },
        { "GET /health/ready HTTP/1.1", Upgrade + Version + Key },
    };

    [Theory]
    [MemberData(nameof(Hostile))]
    public async Task A_handshake_in_any_other_form_is_refused(string request, string headers)
    {
        var (_, _, token) = await mesh.SignUpAsync();

        var answer = await RawHttp.SendAsync(
            mesh.Gateway.Address, $"{request}\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n{headers}\r\n");

        Assert.StartsWith("HTTP/1.1 400 ", answer, StringComparison.Ordinal);
        Assert.Contains("\r\nConnection: close\r\n", answer, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Content-Length: 5\r\n", "hello")]
    [InlineData("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n")]
    public async Task A_handshake_with_a_body_is_refused(string header, string body)
    {
        var (_, _, token) = await mesh.SignUpAsync();

        var answer = await RawHttp.SendAsync(
            mesh.Gateway.Address,
            $"GET /live HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n{header}{Upgrade}{Version}{Key}\r\n{body}");

        Assert.StartsWith("HTTP/1.1 400 ", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_handshake_in_the_right_form_opens_a_socket()
    {
        var (_, _, token) = await mesh.SignUpAsync();
        using var socket = await mesh.Gateway.OpenAsync(token, change: options => options.AddSubProtocol("a-protocol"));

        Assert.Equal("hello", await socket.EchoAsync("hello"));
        Assert.Equal(new string('x', 200_000), await socket.EchoAsync(new string('x', 200_000)));
        await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, "done", StreamCalls.Soon());
        Assert.Equal(WebSocketState.Closed, socket.State);
    }

    [Fact]
    public async Task An_event_stream_passes_event_by_event()
    {
        var (_, _, token) = await mesh.SignUpAsync();

        using var events = await EventReader.OpenAsync(mesh.Gateway, token); // reads the first event of a stream that does not end
    }

    [Theory]
    [InlineData("/live")]
    [InlineData("/protected")]
    public async Task Bytes_after_a_refused_handshake_are_not_read_as_a_request(string path)
    {
        var answer = await RawHttp.SendAsync(
            mesh.Gateway.Address,
            RawSocket.Handshake(token: null, path) + "GET /.well-known/jwks.json HTTP/1.1\r\nHost: localhost\r\n\r\n");

        Assert.StartsWith(path == "/live" ? "HTTP/1.1 401 " : "HTTP/1.1 400 ", answer, StringComparison.Ordinal);
        Assert.Contains("\r\nConnection: close\r\n", answer, StringComparison.Ordinal);
        Assert.DoesNotContain("\"keys\"", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_cookie_opens_streams_for_pages_of_our_own_origin_only()
    {
        var user = await mesh.Gateway.SignUpAsync();
        var cookie = $"Cookie: __Host-authmesh={user.Cookie}\r\n";
        foreach (var own in new[] { "", $"Origin: {ProductionMesh.Issuer}\r\n", "Sec-Fetch-Site: same-origin\r\n" })
        {
            using var socket = await RawSocket.OpenAsync(mesh.Gateway.Address, token: null, further: cookie + own);
        }

        foreach (var foreign in new[]
            {
                "Origin: https://evil.example\r\n", "Origin: null\r\n", "Sec-Fetch-Site: cross-site\r\n", "Sec-Fetch-Site: same-site\r\n",
                $"Origin: {ProductionMesh.Issuer}.evil.example\r\n",
                $"Origin: {ProductionMesh.Issuer}\r\nOrigin: {ProductionMesh.Issuer}\r\n",
            })
        {
            foreach (var path in new[] { "/live", "/events" })
            {
                var request = path == "/live" ? RawSocket.Handshake(null, path, cookie + foreign)
                    : $"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{cookie}{foreign}\r\n";
                var answer = await RawHttp.SendAsync(mesh.Gateway.Address, request);
                Assert.StartsWith("HTTP/1.1 403 ", answer, StringComparison.Ordinal);
                Assert.Contains("\"code\":\"cross_origin\"", answer, StringComparison.Ordinal);
            }
        }

        using var withToken = await RawSocket.OpenAsync(
            mesh.Gateway.Address, user.Token, further: cookie + "Origin: https://evil.example\r\n"); // a page that has a token may use it
    }

    [Fact]
    public async Task A_GET_without_handshake_is_answered_by_the_service()
    {
        var (_, _, token) = await mesh.SignUpAsync();

        (await mesh.Gateway.GetAsync("/live", token)).AssertError(400, "websocket_required");
    }
}
