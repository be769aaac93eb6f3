using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Gateway;

public sealed class RoutingTests(ProductionMesh mesh)
{
    [Theory]
    [InlineData("/nothing")]
    [InlineData("/favicon.ico")]
    [InlineData("/internal")]
    [InlineData("/internal/feed")]
    [InlineData("/internal/exchange")]
    [InlineData("/login/extra")]
    [InlineData("/protected/extra")]
    [InlineData("/.well-known/")]
    [InlineData("/.well-known/oauth-protected-resource")]
    [InlineData("/appsettings.json")]
    public async Task An_unrouted_path_is_404_with_or_without_a_token(string path)
    {
        (await mesh.Gateway.GetAsync(path)).AssertError(404, "not_found");
        (await mesh.Gateway.GetAsync(path, await mesh.AdminTokenAsync())).AssertError(404, "not_found");
    }

    [Theory]
    [InlineData("GET", "/login", "POST")]
    [InlineData("DELETE", "/login", "POST")]
    [InlineData("PUT", "/register", "POST")]
    [InlineData("POST", "/protected", "GET, HEAD")]
    [InlineData("DELETE", "/admin", "GET, HEAD")]
    [InlineData("TRACE", "/protected", "GET, HEAD")]
    [InlineData("PROPFIND", "/protected", "GET, HEAD")]
    [InlineData("FOO", "/admin", "GET, HEAD")]
    [InlineData("POST", "/.well-known/jwks.json", "GET, HEAD")]
    [InlineData("POST", "/health/live", "GET, HEAD")]
    [InlineData("DELETE", "/health/ready", "GET, HEAD")]
    public async Task A_method_that_the_route_does_not_list_is_405(string method, string path, string allowed)
    {
        var answer = await mesh.Gateway.SendAsync(new HttpMethod(method), path);

        answer.AssertError(405, "method_not_allowed");
        Assert.Equal(allowed, answer.Header("Allow"));
    }

    [Fact]
    public async Task A_service_also_lists_HEAD_wherever_it_allows_GET()
    {
        var token = await mesh.AdminTokenAsync();
        Assert.Equal("GET, HEAD", (await mesh.Resource.SendAsync(HttpMethod.Post, "/protected")).Header("Allow"));
        Assert.Equal("GET, HEAD", (await mesh.Resource.SendAsync(HttpMethod.Post, "/protected", change: AsAdmin)).Header("Allow"));
        Assert.Equal("POST", (await mesh.Identity.SendAsync(HttpMethod.Get, "/login")).Header("Allow"));

        void AsAdmin(HttpRequestMessage request) => request.Headers.Authorization = new("Bearer", token);
    }

    [Theory]
    [InlineData("Host: a.example, b.example")]
    [InlineData("Host: a.example\r\nHost: b.example")]
    [InlineData("Host: a.example/protected")]
    [InlineData("X-None: none")]
    public async Task A_request_without_exactly_one_valid_host_is_400(string lines)
    {
        var answer = await RawHttp.SendAsync(mesh.Gateway.Address, $"GET /echo/x HTTP/1.1\r\n{lines}\r\nConnection: close\r\n\r\n");

        Assert.StartsWith("HTTP/1.1 400 ", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_method_override_header_changes_nothing()
    {
        var answer = await mesh.Gateway.SendAsync(
            HttpMethod.Post, "/protected", change: request => request.Headers.Add("X-HTTP-Method-Override", "GET"));

        answer.AssertError(405, "method_not_allowed");
    }

    [Theory]
    [InlineData("//protected")]
    [InlineData("/protected/")]
    [InlineData("/PROTECTED")]
    [InlineData("/%70rotected")]
    [InlineData("/protected%2f")]
    [InlineData("/protected%00")]
    [InlineData("/protected;x=y")]
    [InlineData("/login/../protected")]
    [InlineData("/login/%2e%2e/protected")]
    [InlineData("/echo/../protected")]
    [InlineData("/echo/%2e%2e/admin")]
    [InlineData("/./admin")]
    [InlineData("http://elsewhere.example/admin")]
    public async Task No_alternative_spelling_of_a_guarded_path_opens_it(string target)
    {
        var answer = await RawHttp.SendAsync(
            mesh.Gateway.Address, $"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");

        Assert.Matches("^HTTP/1.1 40[014] ", answer);
    }

    [Fact]
    public async Task An_admin_route_refuses_a_user_and_admits_an_admin()
    {
        var (name, _, token) = await mesh.SignUpAsync();

        (await mesh.Gateway.GetAsync("/admin")).AssertError(401, "missing_token", "Missing or invalid token");
        foreach (var (place, path) in new[]
            { (mesh.Gateway, "/admin"), (mesh.Resource, "/admin"), (mesh.Gateway, "/users"), (mesh.Identity, "/users") })
        {
            var refused = await place.GetAsync(path, token);
            refused.AssertError(403, "forbidden", "Admin access required");
            Assert.Equal("Bearer realm=\"authmesh\", error=\"insufficient_scope\"", refused.Header("WWW-Authenticate")); // RFC 6750 §3.1
        }

        var admin = await mesh.Gateway.GetAsync("/admin", await mesh.AdminTokenAsync());
        Assert.Equal((200, """{"status":"success","message":"Welcome to the admin panel, admin!"}"""), (admin.Status, admin.Text));
        var user = await mesh.Gateway.GetAsync("/protected", token);
        Assert.Equal(
            (200, $$"""{"status":"success","message":"You are viewing protected content, {{name}}!","role":"user"}"""),
            (user.Status, user.Text));
    }
}
