using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Tls;

/// <summary>A client that trusts the test's root alone, and shows what the server sent.</summary>
internal sealed class TlsClient : IDisposable
{
    private readonly TcpClient client = new() { NoDelay = true };
    private SslStream stream = null!;

    public string SerialNumber => ((X509Certificate2)stream.RemoteCertificate!).SerialNumber;

    public SslProtocols Version => stream.SslProtocol;

    public SslApplicationProtocol Protocol => stream.NegotiatedApplicationProtocol;

    /// <exception cref="AuthenticationException">The handshake failed.</exception>
    public static async Task<TlsClient> ConnectAsync(
        int port, SslProtocols versions = SslProtocols.None, SslApplicationProtocol[]? offers = null, TestAuthority? authority = null)
    {
        var client = new TlsClient();
        await client.client.ConnectAsync("localhost", port, TestContext.Current.CancellationToken);
        client.stream = new SslStream(client.client.GetStream());
        var options = (authority ?? TestAuthority.Shared).Client();
        options.EnabledSslProtocols = versions;
        options.ApplicationProtocols = [.. offers ?? [SslApplicationProtocol.Http11]];
        await client.stream.AuthenticateAsClientAsync(options, TestContext.Current.CancellationToken);
        return client;
    }

    /// <summary>Sends a GET over HTTP/1.1 and reads the answer, which comes in chunks.</summary>
    public async Task<string> GetAsync(string path)
    {
        await SendAsync($"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        var answer = new StringBuilder();
        var buffer = new byte[4096];
        while (!answer.ToString().EndsWith("\r\n0\r\n\r\n", StringComparison.Ordinal))
        {
            var read = await stream.ReadAsync(buffer, TestContext.Current.CancellationToken);
            Assert.True(read > 0, "The connection ended after: " + answer);
            answer.Append(Encoding.UTF8.GetString(buffer, 0, read));
        }

        return answer.ToString();
    }

    /// <summary>Sends raw bytes and reads until the server closes the connection.</summary>
    public async Task<string> SendAndReadAsync(string request)
    {
        await SendAsync(request);
        using var reader = new StreamReader(stream);
        return await reader.ReadToEndAsync(TestContext.Current.CancellationToken);
    }

    public void Dispose()
    {
        stream?.Dispose();
        client.Dispose();
    }

    /// <summary>A client of the usual kind.</summary>
    public static HttpClient Http(int port, Version? version = null, bool keepsConnections = true) => new(new SocketsHttpHandler
    {
        UseProxy = false,
        UseCookies = false,
        AllowAutoRedirect = false,
        SslOptions = TestAuthority.Shared.Client(),
        PooledConnectionLifetime = keepsConnections ? Timeout.InfiniteTimeSpan : TimeSpan.Zero,
    })
    {
        BaseAddress = new Uri($"https://localhost:{port}"),
        DefaultRequestVersion = version ?? HttpVersion.Version20,
        DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
    };

    private Task SendAsync(string request) =>
        stream.WriteAsync(Encoding.ASCII.GetBytes(request), TestContext.Current.CancellationToken).AsTask();
}
