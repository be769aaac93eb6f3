using System.Net;
using System.Net.Sockets;
using System.Text;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Gateway;

/// <summary>The limit of connections per address. The tests are the client that holds too many, and the limit is small.</summary>
public sealed class ConnectionTests
{
    private const int Limit = 10;

    [Fact]
    public async Task An_address_at_its_connection_limit_gets_no_more_and_blocks_neither_others_nor_probes()
    {
        var inner = FreePort();
        await using var gateway = await StartAsync(new()
        {
            ["Gateway:Connections:LimitLoopback"] = "true",
            ["Gateway:InnerUrl"] = $"http://127.0.0.1:{inner}",
        });
        var address = await AddressOfAsync(gateway);
        var probes = new Uri($"http://127.0.0.1:{inner}");
        var held = new List<TcpClient>();
        try
        {
            // 1. Open connections up to the limit. The harness holds some of its own.
            while (held.Count <= Limit && await OpenAsync(address) is { } connection)
            {
                held.Add(connection);
            }

            Assert.InRange(held.Count, 1, Limit);
            Assert.Null(await OpenAsync(address));

            // 2. Other addresses and the probes are still served.
            if (address.AddressFamily == AddressFamily.InterNetwork)
            {
                using var neighbour = await OpenAsync(address, IPAddress.Parse("127.0.0.2"));
                Assert.NotNull(neighbour);
            }

            foreach (var path in new[] { "/health/live", "/health/ready" })
            {
                Assert.StartsWith("HTTP/1.1 200 ", await RawHttp.SendAsync(probes, Request(path, "close")), StringComparison.Ordinal);
            }

            await gateway.UntilLoggedAsync("Gateway:Connections:PerAddress");
        }
        finally
        {
            held.ForEach(connection => connection.Dispose());
        }

        // 3. A closed connection makes room for another.
        await Patience.UntilAsync(async () =>
        {
            using var connection = await OpenAsync(address);
            return connection is not null;
        });
    }

    [Fact]
    public async Task The_inner_address_answers_health_checks_only()
    {
        var inner = FreePort();
        await using var gateway = await StartAsync(new() { ["Gateway:InnerUrl"] = $"http://127.0.0.1:{inner}" });
        var probes = new Uri($"http://127.0.0.1:{inner}");
        var token = gateway.Identity.Sign(Forge.Claims());

        foreach (var (path, status) in new[]
            { ("/health/live", 200), ("/health/ready", 200), ("/protected", 404), ("/login", 404), ("/", 404), ("/health", 404) })
        {
            var answer = await RawHttp.SendAsync(
                probes, $"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n");
            Assert.StartsWith($"HTTP/1.1 {status} ", answer, StringComparison.Ordinal);
        }

        Assert.Equal(200, (await gateway.Caller.GetAsync("/health/live")).Status); // on the public address too
        Assert.Equal(200, (await gateway.Caller.GetAsync("/protected", token)).Status);
    }

    [Theory]
    [InlineData("Gateway:Connections:LimitLoopback", "false")]
    [InlineData("Gateway:TrustedProxies:2", "192.0.2.0/24")] // and the loopback networks below
    public async Task Unlimited_loopback_callers_and_trusted_proxies_may_exceed_the_connection_limit(string key, string value)
    {
        var settings = new Dictionary<string, string> { [key] = value };
        if (key != "Gateway:Connections:LimitLoopback")
        {
            settings["Gateway:Connections:LimitLoopback"] = "true";
            settings["Gateway:TrustedProxies:0"] = "127.0.0.0/8";
            settings["Gateway:TrustedProxies:1"] = "::1";
        }

        await using var gateway = await StartAsync(settings);
        var address = await AddressOfAsync(gateway);
        var held = new List<TcpClient>();
        for (var i = 0; i < 2 * Limit; i++)
        {
            var connection = await OpenAsync(address);
            Assert.NotNull(connection);
            held.Add(connection);
        }

        held.ForEach(connection => connection.Dispose());
    }

    private static async Task<LoneGateway> StartAsync(Dictionary<string, string> settings)
    {
        settings["Gateway:Connections:PerAddress"] = $"{Limit}";
        var gateway = new LoneGateway(settings);
        await gateway.InitializeAsync();
        return gateway;
    }

    /// <summary>Opens a connection and makes one request on it.</summary>
    /// <returns>The open connection, or null if the gateway closed it without an answer.</returns>
    private static async Task<TcpClient?> OpenAsync(IPEndPoint gateway, IPAddress? from = null)
    {
        var client = new TcpClient(gateway.AddressFamily);
        try
        {
            if (from is not null)
            {
                client.Client.Bind(new IPEndPoint(from, 0));
            }

            await client.ConnectAsync(gateway, TestContext.Current.CancellationToken);
            var stream = client.GetStream();
            await stream.WriteAsync(Encoding.ASCII.GetBytes(Request("/health/live", "keep-alive")), TestContext.Current.CancellationToken);
            var first = new byte[1];
            if (await stream.ReadAsync(first, TestContext.Current.CancellationToken) == 1)
            {
                return client;
            }
        }
        catch (Exception exception) when (exception is IOException or SocketException) // reset, before or after the request
        {
        }

        client.Dispose();
        return null;
    }

    private static string Request(string path, string connection) =>
        $"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: {connection}\r\n\r\n";

    private static async Task<IPEndPoint> AddressOfAsync(LoneGateway gateway)
    {
        var addresses = await Dns.GetHostAddressesAsync(gateway.Caller.Address.Host, TestContext.Current.CancellationToken);
        var address = addresses.FirstOrDefault(address => address.AddressFamily == AddressFamily.InterNetwork) ?? addresses[0];
        return new IPEndPoint(address, gateway.Caller.Address.Port);
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
