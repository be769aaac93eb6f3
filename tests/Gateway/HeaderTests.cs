using System.Text.Json;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Gateway;

public sealed class HeaderTests(ProductionMesh mesh)
{
    [Theory]
    [InlineData("X-User-Id", "1")]
    [InlineData("X-Forwarded-User", "admin")]
    [InlineData("X-Original-URL", "/admin")]
    [InlineData("X-Rewrite-URL", "/admin")]
    [InlineData("X-Real-IP", "10.0.0.1")]
    [InlineData("X_Forwarded_For", "10.0.0.1")]
    [InlineData("Forwarded", "for=10.0.0.1")]
    [InlineData("X-HTTP-Method-Override", "DELETE")]
    [InlineData("Cookie", "authmesh=abc; other=def")]
    [InlineData("Proxy-Authorization", "Basic abc")]
    [InlineData("AuthMesh-Service-Key", "guess")]
    [InlineData("Connection", "Authorization")]
    [InlineData("Origin", "https://evil.example")]
    public async Task A_header_that_is_not_on_the_list_is_not_forwarded(string name, string value)
    {
        var arrived = await ArrivedAsync(request =>
        {
            Assert.True(request.Headers.TryAddWithoutValidation(name, value));
            request.Headers.TryAddWithoutValidation("Accept-Language", "de");
            request.Headers.TryAddWithoutValidation("Authorization", "Bearer something");
        });

        Assert.DoesNotContain(value, arrived.Values);
        Assert.Equal("de", arrived["accept-language"]);
        Assert.Equal("Bearer something", arrived["authorization"]);
    }

    [Fact]
    public async Task X_Forwarded_For_holds_the_connections_address_and_not_the_claimed_one()
    {
        var arrived = await ArrivedAsync(request =>
        {
            request.Headers.TryAddWithoutValidation("X-Forwarded-For", "203.0.113.7");
        });

        Assert.Contains(arrived["x-forwarded-for"], new[] { "127.0.0.1", "::1", "::ffff:127.0.0.1" });
    }

    [Theory]
    [InlineData("http", "evil.example", "80")]
    [InlineData("https", "evil.example:8443, other.example", "8443")]
    [InlineData("", "", "")]
    public async Task The_forwarded_scheme_host_and_port_are_the_issuers_and_not_the_callers(string scheme, string host, string port)
    {
        var arrived = await ArrivedAsync(request =>
        {
            request.Headers.Host = "127.0.0.1:1"; // an allowed host that is not the issuer's
            request.Headers.TryAddWithoutValidation("X-Forwarded-Proto", scheme);
            request.Headers.TryAddWithoutValidation("X-Forwarded-Host", host);
            request.Headers.TryAddWithoutValidation("X-Forwarded-Port", port);
            request.Headers.TryAddWithoutValidation("X-Forwarded-Prefix", "/evil");
        });

        Assert.Equal("https", arrived["x-forwarded-proto"]);
        Assert.Equal("auth.example.test", arrived["x-forwarded-host"]);
        Assert.Equal("443", arrived["x-forwarded-port"]);
        Assert.False(arrived.ContainsKey("x-forwarded-prefix"));
        Assert.Equal(mesh.Echo.Address.Authority, arrived["host"]);
    }

    [Fact]
    public async Task The_service_gets_only_listed_headers_and_those_that_the_gateway_writes()
    {
        var answer = await RawHttp.SendAsync(
            mesh.Gateway.Address,
            "POST /echo/x?a=b HTTP/1.1\r\nHost: localhost\r\nConnection: close, X-User-Id, Keep-Alive\r\nKeep-Alive: timeout=5\r\n"
            + "Proxy-Connection: close\r\n"
            + "TE: trailers, gzip\r\nTrailer: X-User-Id\r\nMax-Forwards: 0\r\nHTTP2-Settings: AAEAAEAA\r\nVia: 1.1 evil\r\n"
            + "Expect: 100-continue\r\n"
            + "X-User-Id: 1\r\nX_User_Id: 1\r\nX-Forwarded-Ssl: off\r\nX-Forwarded-Scheme: http\r\n!#$%&'*+-.^_`|~: 1\r\n"
            + "Authorization.: 1\r\n"
            + "baggage: user.id=1\r\nCorrelation-Context: user.id=1\r\nRequest-Id: |1.\r\nSec-Fetch-Site: none\r\nPriority: u=0\r\n"
            + "Content-Encoding: x-ours\r\nContent-Range: bytes 0-2/9\r\nIf-Range: \"a\"\r\nRange: bytes=1-\r\n"
            + "Transfer-Encoding: chunked\r\n\r\n"
            + "3\r\nabc\r\n0\r\nX-User-Id: 1\r\nAuthorization: Bearer trailer\r\n\r\n");

        Assert.Matches("^HTTP/1.1 (100 Continue\r\n\r\nHTTP/1.1 )?200 ", answer);
        var echo = JsonElement.Parse(answer[answer.IndexOf("{\"Method", StringComparison.Ordinal)..(answer.LastIndexOf('}') + 1)]);
        Assert.Equal(
            [
                // Headers that change the meaning of a body or a range, and those that the gateway itself writes.
                "content-encoding", "content-range", "host", "if-range", "range", "traceparent", "transfer-encoding",
                "x-forwarded-for", "x-forwarded-host", "x-forwarded-port", "x-forwarded-proto",
            ],
            echo.GetProperty("headers").EnumerateObject().Select(header => header.Name.ToLowerInvariant()).Order(StringComparer.Ordinal));
        Assert.DoesNotContain("trailer", echo.ToString(), StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task With_telemetry_on_the_trace_is_forwarded_and_baggage_is_not()
    {
        await using var lone = new LoneGateway(new() { ["OTEL_EXPORTER_OTLP_ENDPOINT"] = "http://127.0.0.1:9" });
        await lone.InitializeAsync();

        var answer = await lone.Caller.SendAsync(HttpMethod.Get, "/echo/x", change: request =>
        {
            request.Headers.Add("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
            request.Headers.Add("baggage", "user.id=1");
            request.Headers.Add("Correlation-Context", "user.id=1");
        });

        Assert.StartsWith("00-0af7651916cd43dd8448eb211c80319c-", answer.ArrivedHeader("traceparent"), StringComparison.Ordinal);
        Assert.DoesNotContain("user.id", answer.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/health/live", 200)]
    [InlineData("/.well-known/jwks.json", 200)]
    [InlineData("/protected", 401)]
    [InlineData("/nothing", 404)]
    [InlineData("/login", 405)]
    public async Task Every_answer_has_browser_security_headers_and_no_Server_header(string path, int status)
    {
        var answer = await mesh.Gateway.GetAsync(path);

        Assert.Equal(status, answer.Status);
        Assert.Equal("nosniff", answer.Header("X-Content-Type-Options"));
        Assert.Equal("max-age=31536000", answer.Header("Strict-Transport-Security"));
        Assert.Null(answer.Header("Server"));
    }

    [Fact]
    public async Task A_service_accepts_headers_as_large_as_the_gateway_accepts()
    {
        var answer = await mesh.Gateway.SendAsync(
            HttpMethod.Get, "/.well-known/jwks.json",
            change: request => Assert.True(request.Headers.TryAddWithoutValidation("User-Agent", new string('a', 32_600))));

        Assert.Equal(200, answer.Status);
    }

    [Fact]
    public async Task A_services_own_Server_header_is_removed()
    {
        var answer = await mesh.Gateway.GetAsync("/echo/x");

        Assert.Equal(200, answer.Status);
        Assert.Null(answer.Header("Server"));
    }

    private async Task<Dictionary<string, string>> ArrivedAsync(Action<HttpRequestMessage> change)
    {
        var answer = await mesh.Gateway.SendAsync(HttpMethod.Get, "/echo/x", change: change);
        Assert.Equal(200, answer.Status);
        return answer.Json.GetProperty("headers").EnumerateObject().ToDictionary(
            header => header.Name, header => header.Value.GetString()!, StringComparer.OrdinalIgnoreCase);
    }
}
