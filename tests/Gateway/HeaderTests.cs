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
    public async Task A_header_that_is_not_on_the_list_stays_at_the_gateway(string name, string value)
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
    public async Task The_forwarded_address_is_the_connections_and_not_the_claimed_one()
    {
        var arrived = await ArrivedAsync(request =>
        {
            request.Headers.TryAddWithoutValidation("X-Forwarded-For", "203.0.113.7");
            request.Headers.TryAddWithoutValidation("X-Forwarded-Proto", "https");
            request.Headers.TryAddWithoutValidation("X-Forwarded-Host", "evil.example");
        });

        Assert.Contains(arrived["x-forwarded-for"], new[] { "127.0.0.1", "::1", "::ffff:127.0.0.1" });
        Assert.Equal("http", arrived["x-forwarded-proto"]);
        Assert.DoesNotContain("evil", arrived["x-forwarded-host"], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/health/live", 200)]
    [InlineData("/.well-known/jwks.json", 200)]
    [InlineData("/protected", 401)]
    [InlineData("/nothing", 404)]
    [InlineData("/login", 405)]
    public async Task Every_answer_is_marked_for_browsers_and_names_no_server(string path, int status)
    {
        var answer = await mesh.Gateway.GetAsync(path);

        Assert.Equal(status, answer.Status);
        Assert.Equal("nosniff", answer.Header("X-Content-Type-Options"));
        Assert.Equal("max-age=31536000", answer.Header("Strict-Transport-Security"));
        Assert.Null(answer.Header("Server"));
    }

    [Fact]
    public async Task As_many_headers_as_the_gateway_lets_in_reach_the_service_behind_it()
    {
        var answer = await mesh.Gateway.SendAsync(
            HttpMethod.Get, "/.well-known/jwks.json",
            change: request => Assert.True(request.Headers.TryAddWithoutValidation("User-Agent", new string('a', 32_600))));

        Assert.Equal(200, answer.Status);
    }

    [Fact]
    public async Task A_services_own_Server_header_stays_at_the_gateway()
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
