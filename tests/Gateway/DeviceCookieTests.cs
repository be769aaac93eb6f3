using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Gateway;

/// <summary>The gateway forwards the device cookie, and no other cookie, to the login only.</summary>
public sealed class DeviceCookieTests(LoneGateway gateway) : IClassFixture<LoneGateway>
{
    private const string Device = "__Host-authmesh-device=AbC-_9";

    [Theory]
    [InlineData(Device)]
    [InlineData("theme=dark; " + Device + "; __Host-authmesh2=x")]
    [InlineData("__Host-authmesh=x; " + Device)] // the session cookie is not forwarded
    [InlineData("authmesh-device-8080=http;" + Device)]
    public async Task A_login_forwards_the_device_cookie_and_no_other(string cookies)
    {
        var answer = await SendAsync(HttpMethod.Post, "/login", cookies);

        Assert.Equal((200, Device), (answer.Status, answer.ArrivedHeader("Cookie")));
    }

    [Theory]
    [InlineData(Device + "; " + Device)]
    [InlineData(Device + "; __Host-authmesh-device=other")]
    [InlineData("__Host-authmesh-Device=AbC")]
    [InlineData("authmesh-device-8080=AbC")]
    [InlineData("__Host-authmesh=AbC; theme=dark")]
    [InlineData("LONG")]
    public async Task A_login_forwards_no_cookie_unless_it_has_exactly_one_device_cookie(string cookies)
    {
        var answer = await SendAsync(HttpMethod.Post, "/login", cookies == "LONG" ? Device + new string('x', 30_000) : cookies);

        Assert.Equal((200, null), (answer.Status, answer.ArrivedHeader("Cookie")));
    }

    [Theory]
    [InlineData("POST", "/register")]
    [InlineData("POST", "/refresh")]
    [InlineData("POST", "/logout")]
    [InlineData("GET", "/account")]
    [InlineData("POST", "/account/password")]
    [InlineData("GET", "/protected")]
    [InlineData("GET", "/own/x")]
    [InlineData("GET", "/open/x")]
    [InlineData("GET", "/.well-known/jwks.json")]
    public async Task No_other_path_gets_the_device_cookie(string method, string path)
    {
        var (_, claims) = gateway.Identity.SignIn();

        var answer = await SendAsync(new HttpMethod(method), path, Device, gateway.Identity.Sign(claims));

        Assert.Equal(200, answer.Status);
        Assert.DoesNotContain("AbC-_9", answer.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_cookie_name_contains_the_port_on_plain_http()
    {
        await using var lone = new LoneGateway(new() { ["AuthMesh:Issuer"] = "http://localhost:8080" });
        await lone.InitializeAsync();

        var answer = await lone.Caller.SendAsync(
            HttpMethod.Post, "/login", change: request => request.Headers.Add(
                "Cookie", "authmesh-device-8080=AbC; authmesh-device-9090=other; authmesh-device=old; " + Device));

        Assert.Equal("authmesh-device-8080=AbC", answer.ArrivedHeader("Cookie"));
    }

    [Fact]
    public async Task The_login_can_set_the_device_cookie()
    {
        var setCookie = Device + "; max-age=34560000; path=/; secure; samesite=lax; httponly";

        var answer = await SendAsync(HttpMethod.Post, "/login?Set-Cookie=" + Uri.EscapeDataString(setCookie), Device);

        Assert.Equal(setCookie, answer.Header("Set-Cookie"));
    }

    private Task<Answer> SendAsync(HttpMethod method, string path, string cookies, string? token = null) =>
        gateway.Caller.SendAsync(method, path, change: request =>
        {
            Assert.True(request.Headers.TryAddWithoutValidation("Cookie", cookies));
            if (token is not null)
            {
                request.Headers.Authorization = new("Bearer", token);
            }
        });
}
