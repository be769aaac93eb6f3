using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Gateway;

/// <summary>An upgrade would open a tunnel to a service with the caller's token, and the tunnel would survive the logout.</summary>
public sealed class UpgradeTests(ProductionMesh mesh)
{
    public static TheoryData<string, string> Rows => new(
        from target in new[]
        {
            "GET /echo/x", "GET /protected", "POST /login", "GET /.well-known/jwks.json", "GET /health/live", "GET /nothing", "FOO /echo/x",
        }
        from lines in new[]
        {
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
            "Connection: Upgrade\r\nUpgrade: SPDY/3.1",
            "Connection: keep-alive, upgrade\r\nUpgrade: WebSocket",
            "Connection: Upgrade\r\nUpgrade: h2c, websocket",
            "Connection: Upgrade\r\nUpgrade: h2c\r\nUpgrade: websocket",
            "Connection: Upgrade\r\nUpgrade: TLS/1.2",
            "Connection: Upgrade\r\nUpgrade: ",
            "Connection: Upgrade",
            "Upgrade: websocket",
        }
        select (target, lines));

    [Theory]
    [MemberData(nameof(Rows))]
    public async Task An_upgrade_is_refused_on_every_path(string target, string lines)
    {
        // The gateway closes the connection by itself.
        var answer = await RawHttp.SendAsync(mesh.Gateway.Address, $"{target} HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n\r\n");

        Assert.StartsWith("HTTP/1.1 400 ", answer, StringComparison.Ordinal);
        Assert.Contains("\"code\":\"upgrade_refused\"", answer, StringComparison.Ordinal);
        Assert.Contains("\r\nConnection: close\r\n", answer, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA")]
    [InlineData("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: H2C")]
    [InlineData("")]
    public async Task An_h2c_offer_is_ignored_and_not_forwarded(string lines)
    {
        var answer = await RawHttp.SendAsync(
            mesh.Gateway.Address,
            $"GET /echo/x HTTP/1.1\r\nHost: localhost\r\n{lines}{(lines is "" ? "" : "\r\n")}Connection: close\r\n\r\n");

        Assert.StartsWith("HTTP/1.1 200 ", answer, StringComparison.Ordinal);
        foreach (var name in new[] { "\"Upgrade\"", "\"Connection\"", "\"HTTP2-Settings\"" })
        {
            Assert.DoesNotContain(name, answer, StringComparison.OrdinalIgnoreCase);
        }
    }

    [Theory]
    [InlineData("CONNECT example.com:443", "421", "misdirected_request")]
    [InlineData("CONNECT 127.0.0.1:80", "501", "unknown_method")]
    public async Task CONNECT_is_refused_and_closes_the_connection(string target, string status, string code)
    {
        var answer = await RawHttp.SendAsync(mesh.Gateway.Address, $"{target} HTTP/1.1\r\nHost: {target.Split(' ')[1]}\r\n\r\n");

        Assert.StartsWith($"HTTP/1.1 {status} ", answer, StringComparison.Ordinal);
        Assert.Contains($"\"code\":\"{code}\"", answer, StringComparison.Ordinal);
    }
}
