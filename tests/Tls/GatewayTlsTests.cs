using System.Net;
using System.Net.WebSockets;
using AuthMesh.LocalMesh.Processes;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.OpenApi;
using AuthMesh.Tests.Streams;

namespace AuthMesh.Tests.Tls;

/// <summary>A gateway that ends TLS itself: what its https and its plain address answer.</summary>
public sealed class GatewayTlsTests(GatewayTlsTests.Edge edge) : IClassFixture<GatewayTlsTests.Edge>
{
    [Theory]
    [InlineData("1.1")]
    [InlineData("2.0")]
    public async Task Requests_over_TLS_are_served_with_HSTS_and_by_HTTP_2(string version)
    {
        using var http = TlsClient.Http(edge.HttpsPort, Version.Parse(version));
        using var request = new HttpRequestMessage(HttpMethod.Get, "/protected")
        {
            Version = Version.Parse(version),
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        request.Headers.Authorization = new("Bearer", edge.Gateway.SignIn().Token);

        using var answer = await http.SendAsync(request, TestContext.Current.CancellationToken);

        Assert.Equal((200, version), ((int)answer.StatusCode, answer.Version.ToString()));
        Assert.Equal("max-age=31536000", string.Join(',', answer.Headers.GetValues("Strict-Transport-Security")));
        using var anonymous = await http.GetAsync("/protected", TestContext.Current.CancellationToken);
        Assert.Equal(401, (int)anonymous.StatusCode);
    }

    [Theory]
    [InlineData("auth.example.test", 401)]
    [InlineData("auth.example.test:8443", 401)]
    [InlineData("evil.example", 421)]
    public async Task The_authority_of_an_HTTP_2_request_is_its_host(string host, int status)
    {
        using var handler = new SocketsHttpHandler { UseProxy = false };
        // The client would check the certificate for the host below.
        handler.SslOptions.RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate is not null;
        using var http = new HttpMessageInvoker(handler);
        using var request = new HttpRequestMessage(HttpMethod.Get, $"https://localhost:{edge.HttpsPort}/protected")
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        request.Headers.Host = host; // :authority

        using var answer = await http.SendAsync(request, TestContext.Current.CancellationToken);

        Assert.Equal((status, "2.0"), ((int)answer.StatusCode, answer.Version.ToString()));
    }

    [Theory]
    [InlineData("GET", "/signin?return=%2Faccount", "/signin?return=%2Faccount")]
    [InlineData("HEAD", "/protected", "/protected")]
    [InlineData("GET", "/", "/")]
    [InlineData("GET", "//evil.example/x", "//evil.example/x")]
    [InlineData("GET", "/%0d%0aSet-Cookie:%20a=b", "/%0D%0ASet-Cookie:%20a=b")]
    [InlineData("GET", "http://auth.example.test/x", "/x")]
    [InlineData("GET", "http://auth.example.test", "/")]
    [InlineData("GET", "/live", "/live", "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n")]
    public async Task A_plain_GET_is_sent_to_the_issuer(string method, string target, string location, string headers = "")
    {
        var answer = await RawHttp.SendAsync(
            edge.Gateway.Caller.Address,
            $"{method} {target} HTTP/1.1\r\nHost: auth.example.test\r\n{headers}\r\nGET /health/live HTTP/1.1\r\nHost: x\r\n\r\n");

        Assert.StartsWith("HTTP/1.1 308 ", answer, StringComparison.Ordinal);
        Assert.Contains($"\r\nLocation: https://auth.example.test{location}\r\n", answer, StringComparison.Ordinal);
        Assert.Contains("\r\nConnection: close\r\n", answer, StringComparison.Ordinal);
        Assert.DoesNotContain("Live", answer, StringComparison.Ordinal); // the second request may have been meant for a tunnel
        Assert.DoesNotContain("Strict-Transport-Security", answer, StringComparison.OrdinalIgnoreCase); // RFC 6797 §7.2
        Assert.DoesNotContain("Set-Cookie: ", answer, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("POST", "/login")]
    [InlineData("DELETE", "/account")]
    [InlineData("PATCH", "/account")]
    [InlineData("OPTIONS", "/login")]
    [InlineData("FOO", "/")]
    public async Task Any_other_plain_request_is_403(string method, string path)
    {
        var answer = await edge.Gateway.Caller.SendAsync(new HttpMethod(method), path);

        answer.AssertError(403, "https_required");
        Contract.CheckRefusal(answer);
        Assert.Null(answer.Header("Strict-Transport-Security"));
    }

    [Fact]
    public async Task A_plain_GET_with_a_token_is_403_because_it_has_told_everybody_the_token()
    {
        (await edge.Gateway.Caller.GetAsync("/protected", "a-token")).AssertError(403, "https_required");
        var led = await edge.Gateway.Caller.GetAsync("/protected");
        Assert.Equal((308, "no-store"), (led.Status, led.Header("Cache-Control")));
        Contract.CheckRefusal(led);
    }

    [Fact]
    public async Task Health_is_answered_on_both_and_another_host_on_neither()
    {
        using var http = TlsClient.Http(edge.HttpsPort);
        foreach (var path in new[] { "/health/live", "/health/ready" })
        {
            Assert.Equal(200, (await edge.Gateway.Caller.GetAsync(path)).Status);
            using var answered = await http.GetAsync(path, TestContext.Current.CancellationToken);
            Assert.Equal(200, (int)answered.StatusCode);
        }

        var answer = await RawHttp.SendAsync(edge.Gateway.Caller.Address, "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 421 ", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_HTTP_1_0_POST_without_a_length_arrives_over_TLS_too()
    {
        using var client = await TlsClient.ConnectAsync(edge.HttpsPort);

        var answer = await client.SendAndReadAsync("POST /logout HTTP/1.0\r\nHost: localhost\r\n\r\n");

        Assert.Matches("^HTTP/1.[01] 200 ", answer);
    }

    [Fact]
    public async Task A_WebSocket_passes_over_HTTP_2_and_TLS_and_ends_with_its_session()
    {
        var session = edge.Gateway.SignIn();
        using var socket = new ClientWebSocket();
        socket.Options.HttpVersion = HttpVersion.Version20;
        socket.Options.HttpVersionPolicy = HttpVersionPolicy.RequestVersionExact;
        socket.Options.SetRequestHeader("Authorization", "Bearer " + session.Token);
        using var http = new HttpMessageInvoker(new SocketsHttpHandler
        {
            UseProxy = false,
            UseCookies = false,
            SslOptions = TestAuthority.Shared.Client(),
        });
        await socket.ConnectAsync(new Uri($"wss://localhost:{edge.HttpsPort}/live"), http, StreamCalls.Soon());
        Assert.Equal("hello", await socket.EchoAsync("hello"));

        edge.Gateway.Identity.Tell("session-ended", new { sid = session.Id });

        Assert.Equal((4401, "session_ended"), await socket.UntilClosedAsync());
    }

    public sealed class Edge : IAsyncLifetime
    {
        private readonly CertificateFolder folder = new(TestAuthority.Shared.Issue());

        public Edge()
        {
            var port = Ports.Free();
            HttpsPort = Ports.Free();
            Gateway = new StreamGateway(new(folder.Settings("Gateway"))
            {
                ["urls"] = $"http://localhost:{port};https://localhost:{HttpsPort}",
            })
            {
                Port = port,
            };
        }

        public StreamGateway Gateway { get; }

        public int HttpsPort { get; }

        public ValueTask InitializeAsync() => Gateway.InitializeAsync();

        public async ValueTask DisposeAsync()
        {
            await Gateway.DisposeAsync();
            folder.Dispose();
        }
    }
}
