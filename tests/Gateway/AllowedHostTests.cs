using System.Text.Json;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Streams;

namespace AuthMesh.Tests.Gateway;

/// <summary>
/// Which hosts a request may name. The mesh runs in Production with the issuer auth.example.test, and Gateway:AllowedHosts lists localhost,
/// 127.0.0.1 and ::1.
/// </summary>
public sealed class AllowedHostTests(ProductionMesh mesh, AllowedHostTests.Development development)
    : IClassFixture<AllowedHostTests.Development>
{
    private const string Keys = "/.well-known/jwks.json";

    [Theory]
    [InlineData("auth.example.test")]
    [InlineData("AUTH.Example.TEST")]
    [InlineData("auth.example.test:443")]
    [InlineData("auth.example.test:8443")]
    [InlineData("auth.example.test.")]
    [InlineData("auth.example.test.:443")]
    [InlineData("localhost")]
    [InlineData("LOCALHOST:80")]
    [InlineData("127.0.0.1:8080")]
    [InlineData("[::1]")]
    [InlineData("[::1]:8080")]
    [InlineData("[0:0:0:0:0:0:0:1]:8080")]
    public async Task The_issuers_and_listed_hosts_are_served(string host)
    {
        Assert.StartsWith("HTTP/1.1 200 ", await GetAsync(mesh.Gateway, host), StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 401 ", await GetAsync(mesh.Gateway, host, "/protected"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("evil.example")]
    [InlineData("evil.example:443")]
    [InlineData("auth.example.test.evil.example")]
    [InlineData("evil-auth.example.test")]
    [InlineData("www.auth.example.test")]
    [InlineData("example.test")]
    [InlineData("auth.example.test..")]
    [InlineData(".auth.example.test")]
    [InlineData("app.localhost")]
    [InlineData("localhost.evil.example")]
    [InlineData("127.0.0.2")]
    [InlineData("127.1")]
    [InlineData("2130706433")]
    [InlineData("0.0.0.0")]
    [InlineData("[::2]")]
    [InlineData("[::ffff:127.0.0.1]")]
    [InlineData(".")]
    [InlineData("")]
    public async Task Another_host_is_421_on_every_path_and_only_health_answers(string host)
    {
        foreach (var path in new[] { Keys, "/protected", "/login", "/nothing", "/", "/signin" })
        {
            AssertMisdirected(await GetAsync(mesh.Gateway, host, path));
        }

        foreach (var path in new[] { "/health/live", "/health/ready" })
        {
            Assert.StartsWith("HTTP/1.1 200 ", await GetAsync(mesh.Gateway, host, path), StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("POST /login HTTP/1.1", "Content-Type: application/json\r\nContent-Length: 2\r\n", "{}")]
    [InlineData("OPTIONS /login HTTP/1.1", "Origin: https://app.example.test\r\nAccess-Control-Request-Method: POST\r\n", "")]
    [InlineData("FOO / HTTP/1.1", "", "")]
    [InlineData("GET /protected HTTP/1.1", "Upgrade: h2c\r\n", "")]
    [InlineData(
        "GET /live HTTP/1.1", "Upgrade: websocket\r\nConnection: Upgrade\r\n",
        "GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")]
    [InlineData("GET /health/live/ HTTP/1.1", "", "")]
    [InlineData("GET /HEALTH/live HTTP/1.1", "", "")]
    public async Task Another_host_is_refused_before_anything_else_looks_at_the_request(string start, string headers, string rest)
    {
        var answer = await RawHttp.SendAsync(mesh.Gateway.Address, $"{start}\r\nHost: evil.example\r\n{headers}\r\n{rest}");

        AssertMisdirected(answer);
        Assert.Equal(answer.IndexOf("HTTP/1.1 ", StringComparison.Ordinal), answer.LastIndexOf("HTTP/1.1 ", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("GET http://auth.example.test/.well-known/jwks.json HTTP/1.1\r\nHost: auth.example.test", "200")]
    [InlineData("GET http://evil.example/.well-known/jwks.json HTTP/1.1\r\nHost: evil.example", "421")]
    [InlineData("GET http://evil.example/.well-known/jwks.json HTTP/1.1\r\nHost: auth.example.test", "400")] // RFC 9112 §3.2.2
    [InlineData("GET http://auth.example.test/.well-known/jwks.json HTTP/1.1\r\nHost: evil.example", "400")]
    [InlineData("GET /.well-known/jwks.json HTTP/1.1\r\nHost: auth.example.test\r\nHost: evil.example", "400")]
    [InlineData("GET /.well-known/jwks.json HTTP/1.1\r\nX-None: none", "400")]
    [InlineData("GET /.well-known/jwks.json HTTP/1.1\r\nHost: auth.example.test@evil.example", "400")]
    [InlineData("GET /.well-known/jwks.json HTTP/1.1\r\nHost: [::1]evil.example", "400")]
    [InlineData("GET /.well-known/jwks.json HTTP/1.0\r\nHost: auth.example.test", "200")]
    [InlineData("GET /.well-known/jwks.json HTTP/1.0", "421")]
    [InlineData("GET /health/live HTTP/1.0", "200")]
    public async Task The_host_is_that_of_the_target_and_there_is_only_one(string start, string status)
    {
        var answer = await RawHttp.SendAsync(mesh.Gateway.Address, $"{start}\r\nConnection: close\r\n\r\n");

        Assert.Matches($"^HTTP/1.[01] {status} ", answer);
    }

    [Theory]
    [InlineData("localhost", true)]
    [InlineData("app.localhost:8080", true)]
    [InlineData("127.0.0.1", true)]
    [InlineData("127.8.9.10:8080", true)]
    [InlineData("[::1]:8080", true)]
    [InlineData("auth.example.test", true)]
    [InlineData("gateway:8080", true)] // listed
    [InlineData("[2001:DB8::7]", true)] // listed as 2001:db8:0::7
    [InlineData("evil.example", false)]
    [InlineData("localhost.evil.example", false)]
    [InlineData("evillocalhost", false)]
    [InlineData("128.0.0.1", false)]
    [InlineData("0.0.0.0", false)]
    [InlineData("[::2]", false)]
    [InlineData("[2001:db8::8]", false)]
    public async Task Development_serves_loopback_names_too(string host, bool isServed)
    {
        var answer = await GetAsync(development.Gateway.Caller, host, "/open/x");

        Assert.StartsWith(isServed ? "HTTP/1.1 200 " : "HTTP/1.1 421 ", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_host_that_a_trusted_proxy_reports_does_not_replace_the_one_that_it_sends()
    {
        foreach (var (host, reported, status) in new[]
            {
                ("evil.example", "auth.example.test", 421), // a page can set the second one and not the first one
                ("auth.example.test", "evil.example", 200),
            })
        {
            var answer = await RawHttp.SendAsync(
                development.Gateway.Caller.Address,
                $"GET /open/x HTTP/1.1\r\nHost: {host}\r\nX-Forwarded-Host: {reported}\r\nX-Forwarded-For: 203.0.113.7\r\n"
                + $"Forwarded: host={reported}\r\nX-Original-Host: {reported}\r\nConnection: close\r\n\r\n");

            Assert.StartsWith($"HTTP/1.1 {status} ", answer, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_refused_host_is_logged_shortened()
    {
        await GetAsync(development.Gateway.Caller, "evil.example:8080", "/open/x");
        await development.Gateway.UntilLoggedAsync("Request for the host evil.example:8080 refused.");

        await GetAsync(development.Gateway.Caller, new string('a', 5000), "/open/x");
        await development.Gateway.UntilLoggedAsync($"Request for the host {new string('a', 100)} refused.");
    }

    [Fact]
    public async Task A_WebSocket_for_another_host_is_refused()
    {
        var (_, _, token) = await mesh.SignUpAsync();
        var handshake = RawSocket.Handshake(token);

        AssertMisdirected(await RawHttp.SendAsync(
            mesh.Gateway.Address, handshake.Replace("Host: localhost", "Host: evil.example", StringComparison.Ordinal)));
        using var socket = await RawSocket.OpenAsync(mesh.Gateway.Address, token);
    }

    private static Task<string> GetAsync(Caller gateway, string host, string path = Keys) =>
        RawHttp.SendAsync(gateway.Address, $"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");

    private static void AssertMisdirected(string answer)
    {
        Assert.StartsWith("HTTP/1.1 421 ", answer, StringComparison.Ordinal);
        Assert.Contains("\r\nConnection: close\r\n", answer, StringComparison.Ordinal);
        var body = JsonElement.Parse(answer[answer.IndexOf('{')..(answer.LastIndexOf('}') + 1)]);
        Assert.Equal("misdirected_request", body.GetProperty("code").GetString());
    }

    /// <summary>A gateway in Development behind a trusted proxy, which is the test.</summary>
    public sealed class Development : IAsyncLifetime
    {
        public LoneGateway Gateway { get; } = new(new()
        {
            ["Gateway:AllowedHosts:0"] = "gateway",
            ["Gateway:AllowedHosts:1"] = "2001:db8:0::7",
            ["Gateway:TrustedProxies:0"] = "127.0.0.1",
            ["Gateway:TrustedProxies:1"] = "::1",
        });

        public ValueTask InitializeAsync() => Gateway.InitializeAsync();

        public ValueTask DisposeAsync() => Gateway.DisposeAsync();
    }
}
