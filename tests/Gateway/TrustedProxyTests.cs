namespace AuthMesh.Tests.Gateway;

/// <summary>The tests stand where a proxy would, at 127.0.0.1.</summary>
public sealed class TrustedProxyTests
{
    [Fact]
    public async Task What_a_trusted_proxy_writes_down_is_believed_and_nothing_before_it()
    {
        await using var gateway = await StartAsync("127.0.0.1", "10.0.0.0/8", "2001:db8::/32");

        Assert.Equal("203.0.113.7", await AddressAsync(gateway, "203.0.113.7"));
        Assert.Equal("203.0.113.7", await AddressAsync(gateway, "198.51.100.1, 203.0.113.7")); // the first is a claim
        Assert.Equal("203.0.113.7", await AddressAsync(gateway, "198.51.100.1", "203.0.113.7, 10.1.2.3")); // through two of ours
        Assert.Equal("203.0.113.7", await AddressAsync(gateway, "127.0.0.1, 203.0.113.7"));
        Assert.Equal("2001:dead::1", await AddressAsync(gateway, "2001:dead::1, 2001:db8::1"));
        Assert.Equal("127.0.0.1", await AddressAsync(gateway, "203.0.113.7, nonsense"));
        Assert.Equal("127.0.0.1", await AddressAsync(gateway));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("10.0.0.0/8")]
    public async Task What_anybody_else_claims_is_not(string? trusted)
    {
        await using var gateway = await StartAsync(trusted is null ? [] : [trusted]);

        Assert.Equal("127.0.0.1", await AddressAsync(gateway, "203.0.113.7"));
        Assert.Equal("127.0.0.1", await AddressAsync(gateway, "203.0.113.7, 10.1.2.3"));
    }

    private static async Task<LoneGateway> StartAsync(params string[] trusted)
    {
        var gateway = new LoneGateway(trusted.Select((proxy, i) => ($"Gateway:TrustedProxies:{i}", proxy)).ToDictionary());
        await gateway.InitializeAsync();
        return gateway;
    }

    /// <returns>Where the service behind the gateway is told that the request began.</returns>
    private static async Task<string?> AddressAsync(LoneGateway gateway, params string[] forwardedFor)
    {
        var answer = await gateway.Caller.SendAsync(HttpMethod.Get, "/echo/x", change: request =>
        {
            foreach (var header in forwardedFor)
            {
                request.Headers.TryAddWithoutValidation("X-Forwarded-For", header);
            }
        });
        Assert.Equal(200, answer.Status);
        return answer.ArrivedHeader("X-Forwarded-For")?.Replace("::ffff:", "", StringComparison.Ordinal);
    }
}
