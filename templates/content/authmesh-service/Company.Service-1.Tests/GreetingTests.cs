using System.Net;
using System.Net.Http.Json;
using AuthMesh.Testing;
using Microsoft.AspNetCore.Mvc.Testing;

namespace Company.Service_1.Tests;

public sealed class GreetingTests : IDisposable
{
    private readonly WebApplicationFactory<Greeting> factory = new();
    private readonly TestIssuer mesh;

    public GreetingTests() => mesh = factory.WithAuthMesh();

    [Fact]
    public async Task A_signed_in_user_is_greeted_by_name()
    {
        var greeting = await mesh.Client("alice").GetFromJsonAsync<Greeting>("/service1-path", TestContext.Current.CancellationToken);

        Assert.Equal("Hello, alice", greeting!.Text);
    }

    [Fact]
    public async Task Each_endpoint_admits_whom_it_names()
    {
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(mesh.Client(), "/service1-path/about"));
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(mesh.Client(), "/service1-path"));
        Assert.Equal(HttpStatusCode.Forbidden, await StatusAsync(mesh.Client("alice"), "/service1-path/everybody"));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(mesh.Client("root", "admin"), "/service1-path/everybody"));
    }

    [Fact]
    public async Task A_token_is_refused_once_its_session_has_ended()
    {
        var token = mesh.Token("alice");
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(mesh.Client(token), "/service1-path"));

        mesh.Revoke(token);

        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(mesh.Client(token), "/service1-path"));
    }

    public void Dispose()
    {
        mesh.Dispose();
        factory.Dispose();
    }

    private static async Task<HttpStatusCode> StatusAsync(HttpClient client, string path) =>
        (await client.GetAsync(path, TestContext.Current.CancellationToken)).StatusCode;
}
