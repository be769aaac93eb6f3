using System.Buffers.Binary;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using AuthMesh.LocalMesh.Processes;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.ShortPath;
using AuthMesh.Tls;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace AuthMesh.Tests.Tls;

/// <summary>A team's service with <c>AddAuthMesh()</c> and an https address, over real sockets.</summary>
public sealed class TlsServiceTests : IAsyncLifetime
{
    private readonly Issued first = TestAuthority.Shared.Issue(), second = TestAuthority.Shared.Issue(usesRsa: true);
    private readonly WatchedTime clock = new();
    private readonly int port = Ports.Free();
    private CertificateFolder folder = null!;
    private TestService service = null!;

    public async ValueTask InitializeAsync()
    {
        clock.SetUtcNow(TimeProvider.System.GetUtcNow());
        folder = new CertificateFolder(first);
        service = await TestService.StartAsync(
            before: builder =>
            {
                builder.Services.AddSingleton<TimeProvider>(clock);
                foreach (var (key, value) in folder.Settings("AuthMesh"))
                {
                    builder.Configuration[key] = value;
                }
            },
            use: app => app.MapGet("/protocol", (HttpContext context) => $"{context.Request.Scheme} {context.Request.Protocol}")
                .AllowAnonymous(),
            url: $"https://localhost:{port}");
    }

    public async ValueTask DisposeAsync()
    {
        await service.DisposeAsync();
        folder.Dispose();
    }

    [Theory]
    [InlineData(SslProtocols.Tls12)]
    [InlineData(SslProtocols.Tls13)]
    public async Task TLS_1_2_and_1_3_are_served_with_the_intermediate_certificate(SslProtocols version)
    {
        using var client = await TlsClient.ConnectAsync(port, version); // trusts the root alone, and fetches nothing

        Assert.Equal(version, client.Version);
        Assert.Equal(first.SerialNumber, client.SerialNumber);
        Assert.Contains("https HTTP/1.1", await client.GetAsync("/protocol"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0x0301, false)]
    [InlineData(0x0302, false)]
    [InlineData(0x0303, true)]
    public async Task TLS_1_1_and_older_are_refused(int version, bool isServed)
    {
        var answer = await TlsHello.SendAsync(port, version);

        // A handshake message, the server's hello. Or RFC 5246 §7.2.2: a fatal alert, protocol_version.
        byte[] expected = isServed ? [22] : [21, 2, 70];
        byte[] seen = isServed ? [answer[0]] : [answer[0], answer[5], answer[6]];
        Assert.Equal(expected, seen);
    }

    [Fact]
    public async Task The_protocol_is_negotiated_in_the_handshake()
    {
        using var http2 = await TlsClient.ConnectAsync(port, offers: [SslApplicationProtocol.Http11, SslApplicationProtocol.Http2]);
        using var http1 = await TlsClient.ConnectAsync(port, offers: [SslApplicationProtocol.Http11]);
        using var caller = TlsClient.Http(port);

        Assert.Equal((SslApplicationProtocol.Http2, SslApplicationProtocol.Http11), (http2.Protocol, http1.Protocol));
        Assert.Equal("https HTTP/2", await caller.GetStringAsync("/protocol", TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Plain_http_gets_no_answer_on_an_https_address()
    {
        using var caller = new Caller(new Uri($"http://localhost:{port}"));

        await Assert.ThrowsAnyAsync<HttpRequestException>(() => caller.GetAsync("/protocol"));
    }

    [Fact]
    public async Task A_certificate_is_replaced_while_requests_run_and_none_fails()
    {
        using var open = await TlsClient.ConnectAsync(port);
        Assert.Contains("https HTTP/1.1", await open.GetAsync("/protocol"), StringComparison.Ordinal);
        using var stop = new CancellationTokenSource();
        var answered = 0;
        var callers = new[] { (HttpVersion.Version11, true), (HttpVersion.Version11, false), (HttpVersion.Version20, true) }
            .Select(kind => CallAsync(kind.Item1, kind.Item2)).ToList();
        await Patience.UntilAsync(() => Volatile.Read(ref answered) > 50);

        folder.Write(second);
        await UntilServedAsync(second);

        var before = Volatile.Read(ref answered);
        await Patience.UntilAsync(() => Volatile.Read(ref answered) > before + 50);
        await stop.CancelAsync();
        await Task.WhenAll(callers); // throws if a request failed
        Assert.Contains("https HTTP/1.1", await open.GetAsync("/protocol"), StringComparison.Ordinal);
        Assert.Equal(first.SerialNumber, open.SerialNumber);

        async Task CallAsync(Version version, bool keepsConnections)
        {
            using var http = TlsClient.Http(port, version, keepsConnections);
            while (!stop.IsCancellationRequested)
            {
                Assert.StartsWith("https HTTP/", await http.GetStringAsync("/protocol", TestContext.Current.CancellationToken),
                    StringComparison.Ordinal);
                Interlocked.Increment(ref answered);
            }
        }
    }

    [Fact]
    public async Task Broken_files_leave_the_old_certificate_to_new_connections()
    {
        await File.WriteAllTextAsync(folder.CertificateFile, second.CertificatePem, TestContext.Current.CancellationToken); // not the key
        for (var i = 0; i < 3; i++)
        {
            clock.Advance(ServedCertificate.Interval);
            using var client = await TlsClient.ConnectAsync(port);
            Assert.Equal(first.SerialNumber, client.SerialNumber);
        }

        folder.Write(second);
        await UntilServedAsync(second);
    }

    private Task UntilServedAsync(Issued issued) => Patience.UntilAsync(async () =>
    {
        clock.Advance(ServedCertificate.Interval);
        using var client = await TlsClient.ConnectAsync(port);
        return client.SerialNumber == issued.SerialNumber;
    });
}

/// <summary>The first message of a TLS client, in a version that our own libraries no longer speak.</summary>
internal static class TlsHello
{
    // ECDHE with RSA or ECDSA: AES-GCM for TLS 1.2, AES-CBC with SHA-1 for older ones.
    private static readonly byte[] Suites = [0xc0, 0x2b, 0xc0, 0x2f, 0xc0, 0x09, 0xc0, 0x0a, 0xc0, 0x13, 0xc0, 0x14];
    private static readonly byte[] Extensions =
    [
        0x00, 0x0a, 0x00, 0x04, 0x00, 0x02, 0x00, 0x17, // supported groups: secp256r1
        0x00, 0x0b, 0x00, 0x02, 0x01, 0x00, // point formats: uncompressed
        0x00, 0x0d, 0x00, 0x06, 0x00, 0x04, 0x04, 0x03, 0x04, 0x01, // signatures: ECDSA and RSA with SHA-256
    ];

    /// <returns>The first bytes that the server sends.</returns>
    public static async Task<byte[]> SendAsync(int port, int version)
    {
        byte[] body =
        [
            .. Number(version), .. new byte[32], 0, .. Number(Suites.Length), .. Suites, 1, 0, .. Number(Extensions.Length), .. Extensions,
        ];
        byte[] handshake = [1, 0, .. Number(body.Length), .. body];
        byte[] record = [22, 3, 1, .. Number(handshake.Length), .. handshake];
        using var client = new TcpClient();
        await client.ConnectAsync("localhost", port, TestContext.Current.CancellationToken);
        await using var stream = client.GetStream();
        await stream.WriteAsync(record, TestContext.Current.CancellationToken);
        var answer = new byte[7];
        await stream.ReadExactlyAsync(answer, TestContext.Current.CancellationToken);
        return answer;
    }

    private static byte[] Number(int value)
    {
        var bytes = new byte[2];
        BinaryPrimitives.WriteUInt16BigEndian(bytes, (ushort)value);
        return bytes;
    }
}
