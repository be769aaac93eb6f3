using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Gateway;

public sealed class RoutingTests(ProductionMesh mesh)
{
    [Theory]
    [InlineData("/")]
    [InlineData("/nothing")]
    [InlineData("/favicon.ico")]
    [InlineData("/internal")]
    [InlineData("/internal/feed")]
    [InlineData("/internal/exchange")]
    [InlineData("/login/extra")]
    [InlineData("/protected/extra")]
    [InlineData("/.well-known/")]
    [InlineData("/.well-known/oauth-authorization-server")]
    [InlineData("/appsettings.json")]
    public async Task A_path_that_no_route_names_is_not_there_with_or_without_a_token(string path)
    {
        (await mesh.Gateway.GetAsync(path)).AssertError(404, "not_found");
        (await mesh.Gateway.GetAsync(path, await mesh.AdminTokenAsync())).AssertError(404, "not_found");
    }

    [Theory]
    [InlineData("GET", "/login", "POST")]
    [InlineData("DELETE", "/login", "POST")]
    [InlineData("PUT", "/register", "POST")]
    [InlineData("POST", "/protected", "GET")]
    [InlineData("DELETE", "/admin", "GET")]
    [InlineData("TRACE", "/protected", "GET")]
    [InlineData("PROPFIND", "/protected", "GET")]
    [InlineData("FOO", "/admin", "GET")]
    [InlineData("POST", "/.well-known/jwks.json", "GET")]
    [InlineData("POST", "/health/live", "GET, HEAD")]
    [InlineData("DELETE", "/health/ready", "GET, HEAD")]
    public async Task A_method_that_the_route_does_not_name_is_refused(string method, string path, string allowed)
    {
        var answer = await mesh.Gateway.SendAsync(new HttpMethod(method), path);

        answer.AssertError(405, "method_not_allowed");
        Assert.Equal(allowed, answer.Header("Allow"));
    }

    [Fact]
    public async Task Naming_another_method_in_a_header_changes_nothing()
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
    public async Task No_spelling_of_a_guarded_path_opens_it(string target)
    {
        var answer = await RawHttp.SendAsync(mesh.Gateway.Address, $"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");

        Assert.Matches("^HTTP/1.1 40[014] ", answer);
    }

    [Fact]
    public async Task The_admin_route_stays_closed_for_a_user_and_opens_for_an_admin()
    {
        var (name, _, token) = await mesh.SignUpAsync();

        (await mesh.Gateway.GetAsync("/admin")).AssertError(401, "missing_token", "Missing or invalid token");
        (await mesh.Gateway.GetAsync("/admin", token)).AssertError(403, "forbidden", "Admin access required");
        (await mesh.Resource.GetAsync("/admin", token)).AssertError(403, "forbidden", "Admin access required");

        var admin = await mesh.Gateway.GetAsync("/admin", await mesh.AdminTokenAsync());
        Assert.Equal((200, """{"status":"success","message":"Welcome to the admin panel, admin!"}"""), (admin.Status, admin.Text));
        var user = await mesh.Gateway.GetAsync("/protected", token);
        Assert.Equal(
            (200, $$"""{"status":"success","message":"You are viewing protected content, {{name}}!","role":"user"}"""),
            (user.Status, user.Text));
    }
}
