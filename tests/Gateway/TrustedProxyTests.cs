using AuthMesh.LocalMesh;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Gateway;

/// <summary>The tests call from the place of a proxy: from each loopback address that this machine has.</summary>
public sealed class TrustedProxyTests
{
    [Fact]
    public async Task The_address_that_a_trusted_proxy_reports_is_used_and_earlier_claims_are_not()
    {
        await using var gateway = await StartAsync("127.0.0.1", "::1", "10.0.0.0/8", "2001:db8::/32");

        await FromEachLoopbackAsync(gateway, async (caller, own) =>
        {
            Assert.Equal("203.0.113.7", await AddressAsync(caller, "203.0.113.7"));
            Assert.Equal("203.0.113.7", await AddressAsync(caller, "198.51.100.1, 203.0.113.7")); // the first is the caller's claim
            Assert.Equal("203.0.113.7", await AddressAsync(caller, "198.51.100.1", "203.0.113.7, 10.1.2.3")); // through two trusted proxies
            Assert.Equal("203.0.113.7", await AddressAsync(caller, "127.0.0.1, 203.0.113.7"));
            Assert.Equal("2001:dead::1", await AddressAsync(caller, "2001:dead::1, 2001:db8::1"));
            Assert.Equal(own, await AddressAsync(caller, "203.0.113.7, nonsense"));
            Assert.Equal(own, await AddressAsync(caller));
        });
    }

    [Theory]
    [InlineData(null)]
    [InlineData("10.0.0.0/8")]
    public async Task An_address_that_an_untrusted_caller_reports_is_ignored(string? trusted)
    {
        await using var gateway = await StartAsync(trusted is null ? [] : [trusted]);

        await FromEachLoopbackAsync(gateway, async (caller, own) =>
        {
            Assert.Equal(own, await AddressAsync(caller, "203.0.113.7"));
            Assert.Equal(own, await AddressAsync(caller, "203.0.113.7, 10.1.2.3"));
        });
    }

    [Fact]
    public async Task Behind_a_proxy_that_ends_TLS_a_service_sees_the_public_scheme_and_host()
    {
        await using var gateway = await StartAsync("127.0.0.1", "::1");

        var answer = await gateway.Caller.SendAsync(HttpMethod.Get, "/echo/x", change: request =>
        {
            request.Headers.Host = "gateway.internal:8080"; // a proxy sends this by default
            request.Headers.Add("X-Forwarded-For", "203.0.113.7");
            request.Headers.Add("X-Forwarded-Proto", "http");
            request.Headers.Add("X-Forwarded-Host", "evil.example");
        });

        Assert.Equal("https", answer.ArrivedHeader("X-Forwarded-Proto"));
        Assert.Equal("auth.example.test", answer.ArrivedHeader("X-Forwarded-Host"));
        Assert.Equal("443", answer.ArrivedHeader("X-Forwarded-Port"));
        Assert.Equal("203.0.113.7", answer.ArrivedHeader("X-Forwarded-For"));
    }

    private static async Task<LoneGateway> StartAsync(params string[] trusted)
    {
        var gateway = new LoneGateway(new(trusted.Select((proxy, i) => KeyValuePair.Create($"Gateway:TrustedProxies:{i}", proxy)))
        {
            ["Gateway:AllowedHosts:0"] = "gateway.internal",
        });
        await gateway.InitializeAsync();
        return gateway;
    }

    /// <param name="gateway">It listens on `localhost`, so on both loopback addresses if the machine has two.</param>
    /// <param name="work">Gets a caller of the gateway and the address that its calls come from.</param>
    private static async Task FromEachLoopbackAsync(LoneGateway gateway, Func<Caller, string, Task> work)
    {
        Assert.NotEmpty(Loopback.Addresses);
        foreach (var address in Loopback.Addresses)
        {
            using var caller = new Caller(new Uri(Loopback.Origin(gateway.Caller.Address.Port, address)));
            await work(caller, address.ToString());
        }
    }

    /// <returns>The client address that the service behind the gateway receives.</returns>
    private static async Task<string?> AddressAsync(Caller gateway, params string[] forwardedFor)
    {
        var answer = await gateway.SendAsync(HttpMethod.Get, "/echo/x", change: request =>
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
