using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Gateway;

/// <summary>What the gateway tells the services behind it about itself and its callers.</summary>
public sealed class ServiceCredentialTests(ServiceCredentialTests.WithTrustingRoute fixture)
    : IClassFixture<ServiceCredentialTests.WithTrustingRoute>
{
    [Theory]
    [InlineData("/login", ProductionMesh.ServiceKey)]
    [InlineData("/echo/x", null)]
    public async Task Only_the_identity_service_gets_the_service_key_and_never_the_callers(string path, string? key)
    {
        var answer = await PostAsync(path);

        Assert.Equal(key, answer.ArrivedHeader("AuthMesh-Service-Key"));
    }

    [Theory]
    [InlineData("/login")]
    [InlineData("/echo/x")]
    [InlineData("/trusting/x")]
    public async Task The_forwarded_address_is_only_the_connections(string path)
    {
        var answer = await PostAsync(path);

        Assert.Contains(answer.ArrivedHeader("X-Forwarded-For"), new[] { "127.0.0.1", "::1" });
        Assert.Equal("https", answer.ArrivedHeader("X-Forwarded-Proto")); // the scheme of the public origin
        Assert.Null(answer.ArrivedHeader("X-Forwarded-Prefix"));
        Assert.Null(answer.ArrivedHeader("Forwarded"));
    }

    private async Task<Answer> PostAsync(string path)
    {
        var answer = await fixture.Gateway.Caller.SendAsync(HttpMethod.Post, path, change: request =>
        {
            request.Headers.Add("AuthMesh-Service-Key", "guess");
            request.Headers.Add("X-Forwarded-For", ["203.0.113.7", "203.0.113.8"]);
            request.Headers.Add("X-Forwarded-Proto", "http");
            request.Headers.Add("X-Forwarded-Prefix", "/admin");
            request.Headers.Add("Forwarded", "for=203.0.113.7");
        });
        Assert.Equal(200, answer.Status);
        return answer;
    }

    /// <summary>Has a route whose settings would forward the caller's claims, and in another header.</summary>
    public sealed class WithTrustingRoute : IAsyncLifetime
    {
        public LoneGateway Gateway { get; } = new(new()
        {
            ["ReverseProxy:Routes:trusting:ClusterId"] = "identity",
            ["ReverseProxy:Routes:trusting:Match:Path"] = "/trusting/{**rest}",
            ["ReverseProxy:Routes:trusting:Match:Methods:0"] = "POST",
            ["ReverseProxy:Routes:trusting:AuthorizationPolicy"] = "anonymous",
            ["ReverseProxy:Routes:trusting:Transforms:0:Forwarded"] = "for",
            ["ReverseProxy:Routes:trusting:Transforms:0:Action"] = "Append",
        });

        public ValueTask InitializeAsync() => Gateway.InitializeAsync();

        public ValueTask DisposeAsync() => Gateway.DisposeAsync();
    }
}
