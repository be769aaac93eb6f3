using System.Net.Http.Headers;
using AuthMesh.Tests.Applications;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Gateway;

/// <summary>RFC 9110 §9.1: HEAD works wherever GET does, and methods are case-sensitive.</summary>
public sealed class MethodTests(ProductionMesh mesh)
{
    [Theory]
    [InlineData("/health/live", 200)]
    [InlineData("/health/ready", 200)]
    [InlineData("/.well-known/jwks.json", 200)]
    [InlineData("/.well-known/openid-configuration", 200)]
    [InlineData("/protected", 200)]
    [InlineData("/protected", 401, "nobody")]
    [InlineData("/admin", 200, "admin")]
    [InlineData("/admin", 403)]
    [InlineData("/stock", 200, "application")]
    [InlineData("/stock", 403)]
    [InlineData("/account", 200)]
    [InlineData("/account/sessions", 200)]
    [InlineData("/users?limit=1", 200, "admin")]
    [InlineData("/users?limit=x", 400, "admin")]
    [InlineData("/echo/x?Cache-Control=max-age%3D60&ETag=%22a%22", 200)]
    [InlineData("/nothing", 404)]
    [InlineData("/login", 405)]
    public async Task HEAD_answers_like_GET_without_the_body(string path, int status, string who = "user")
    {
        var token = who switch
        {
            "admin" => await mesh.AdminTokenAsync(),
            "user" => (await mesh.SignUpAsync()).Token,
            "application" => await mesh.Gateway.ServiceTokenAsync(
                await mesh.Gateway.AddApplicationAsync(await mesh.AdminTokenAsync(), "stock.read")),
            _ => null,
        };
        Caller[] places = path.Split('?')[0] switch
        {
            "/protected" or "/admin" or "/stock" => [mesh.Gateway, mesh.Resource],
            "/account" or "/account/sessions" or "/users" or "/login" or "/.well-known/jwks.json" or "/.well-known/openid-configuration" =>
                [mesh.Gateway, mesh.Identity],
            "/health/live" or "/health/ready" or "/nothing" => [mesh.Gateway, mesh.Identity, mesh.Resource],
            _ => [mesh.Gateway],
        };
        foreach (var place in places)
        {
            var get = await SendAsync(place, HttpMethod.Get, path, token);
            var head = await SendAsync(place, HttpMethod.Head, path, token);

            Assert.Equal((status, status), (get.Status, head.Status));
            Assert.Equal("", head.Text);
            Assert.Equal(Lines(get), Lines(head));
        }
    }

    [Fact]
    public async Task A_service_behind_the_gateway_sees_HEAD()
    {
        Assert.Equal("HEAD", (await mesh.Gateway.SendAsync(HttpMethod.Head, "/echo/x")).Header("Arrived-Method"));
        Assert.Equal("GET", (await mesh.Gateway.SendAsync(HttpMethod.Get, "/echo/x")).Header("Arrived-Method"));
    }

    [Fact]
    public async Task Nothing_follows_the_headers_of_an_answer_to_HEAD()
    {
        foreach (var path in new[] { "/echo/x", "/protected", "/health/live", "/nothing" })
        {
            var answer = await RawHttp.SendAsync(
                mesh.Gateway.Address, $"HEAD {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");

            Assert.EndsWith("\r\n\r\n", answer, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("get /protected")]
    [InlineData("gET /echo/x")]
    [InlineData("head /health/live")]
    [InlineData("post /login")]
    [InlineData("Delete /account")]
    [InlineData("options /protected")]
    [InlineData("get /nothing")]
    public async Task A_method_in_another_case_is_unknown(string target)
    {
        foreach (var place in new[] { mesh.Gateway, mesh.Identity, mesh.Resource })
        {
            var answer = await RawHttp.SendAsync(
                place.Address, $"{target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");

            Assert.StartsWith("HTTP/1.1 501 ", answer, StringComparison.Ordinal);
            Assert.Contains("\"code\":\"unknown_method\"", answer, StringComparison.Ordinal);
        }
    }

    private static Task<Answer> SendAsync(Caller place, HttpMethod method, string path, string? token) =>
        place.SendAsync(method, path, change: request =>
            request.Headers.Authorization = token is null ? null : new AuthenticationHeaderValue("Bearer", token));

    // Leaves out headers that are known only once a body is made, and those that differ between any two answers.
    private static IEnumerable<string> Lines(Answer answer) => answer.Headers.Concat(answer.ContentHeaders)
        .Where(header => header.Key is not ("Date" or "Transfer-Encoding" or "Content-Length" or "Arrived-Method"))
        .Select(header => $"{header.Key}: {string.Join(", ", header.Value)}").Order();
}
