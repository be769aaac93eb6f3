using System.Text.Json;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Gateway;

/// <summary>Which requests the gateway accepts from a browser on another site's page.</summary>
public sealed class CrossSiteTests : IClassFixture<CrossSiteTests.WithListedOrigins>
{
    private const string Own = ProductionMesh.Issuer;
    private const string Listed = "https://app.example.com";
    private const string App = "capacitor://localhost"; // a page in the web view of an app

    private readonly LoneGateway gateway;

    public CrossSiteTests(WithListedOrigins fixture)
    {
        gateway = fixture.Gateway;
        Identity.AnswerAsUsual();
    }

    private FakeIdentity Identity => gateway.Identity;

    /// <summary>Header lines, and whether they let an unsafe request pass.</summary>
    public static TheoryData<string, bool> Rows => new()
    {
        { "", true }, // no browser
        { "Sec-Fetch-Site: same-origin", true },
        { "Sec-Fetch-Site: none", true },
        { "Sec-Fetch-Site: same-origin\nOrigin: " + Own, true },
        { "Sec-Fetch-Site: same-origin\nOrigin: http://127.0.0.1:8080", true }, // the browser knows best which origin it calls
        { "Sec-Fetch-Site: same-site", false }, // another port or a sibling host, which shares our cookies
        { "Sec-Fetch-Site: same-site\nOrigin: " + Own, false },
        { "Sec-Fetch-Site: cross-site", false },
        { "Sec-Fetch-Site: cross-site\nOrigin: " + Own, false },
        { "Sec-Fetch-Site: cross-site\nOrigin: https://evil.example", false },
        { "Sec-Fetch-Site: cross-site\nSec-Fetch-Mode: navigate\nOrigin: null", false }, // a form
        { "Sec-Fetch-Site: ", false },
        { "Sec-Fetch-Site: Same-Origin", false },
        { "Sec-Fetch-Site: same-origin, cross-site", false },
        { "Sec-Fetch-Site: same-origin\nSec-Fetch-Site: same-origin", false },
        { "Sec-Fetch-Site: same-origin\nsec-fetch-site: cross-site", false },
        { "Sec-Fetch-Site: same-origin\nOrigin: " + Own + "\nOrigin: " + Own, false },
        { "Origin: " + Own, true },
        { "Origin: " + Own + "/", false },
        { "Origin: " + Own + ":443", false },
        { "Origin: https://AUTH.example.test", false },
        { "Origin: http://auth.example.test", false },
        { "Origin: https://auth.example.test.evil.example", false },
        { "Origin: https://sub.auth.example.test", false },
        { "Origin: https://evil.example", false },
        { "Origin: null", false },
        { "Origin: ", false },
        { "Origin: " + Own + ", https://evil.example", false },
        { "Origin: " + Own + "\nOrigin: https://evil.example", false },
        { "Origin: " + Listed, false }, // listed, but without a bearer token
        { "Sec-Fetch-Site: cross-site\nOrigin: " + Listed, false },
        { "Sec-Fetch-Site: same-site\nOrigin: " + Listed + "\nAuthorization: Basic YTpi", false },
        { "Sec-Fetch-Site: same-site\nOrigin: " + Listed + "\nAuthorization: Bearer a\nAuthorization: Bearer a", false },
        { "Sec-Fetch-Site: cross-site\nOrigin: " + Listed + "\nAuthorization: Bearer {token}", true },
        { "Origin: " + Listed + "\nAuthorization: bearer {token}", true },
        { "Sec-Fetch-Site: cross-site\nOrigin: https://evil.example\nAuthorization: Bearer {token}", false },
        { "Sec-Fetch-Site: cross-site\nOrigin: null\nAuthorization: Bearer {token}", false },
        { "Sec-Fetch-Site: cross-site\nAuthorization: Bearer {token}", false },
    };

    [Theory]
    [MemberData(nameof(Rows))]
    public async Task Every_unsafe_route_accepts_own_pages_and_non_browsers_and_refuses_cross_site_requests(string headers, bool passes)
    {
        Assert.NotEmpty(UnsafeRoutes);
        foreach (var (method, path) in UnsafeRoutes)
        {
            var before = Identity.Requests;

            var answer = await SendAsync(method, path, headers);

            if (passes)
            {
                // The route decides the rest: 200 from the fake, 401 without a sign-in, or 403 without the admin role.
                Assert.Matches("^HTTP/1.1 (200|401|403) ", answer);
                Assert.DoesNotContain("cross_origin", answer, StringComparison.Ordinal);
                Assert.Equal(answer.StartsWith("HTTP/1.1 200", StringComparison.Ordinal) ? before + 1 : before, Identity.Requests);
            }
            else
            {
                Assert.StartsWith("HTTP/1.1 403 ", answer, StringComparison.Ordinal);
                Assert.Contains("\"code\":\"cross_origin\"", answer, StringComparison.Ordinal);
                Assert.Contains("Cross-origin request refused", answer, StringComparison.Ordinal);
                Assert.Equal(before, Identity.Requests);
            }
        }
    }

    [Theory]
    [InlineData("GET", "Sec-Fetch-Site: cross-site\nSec-Fetch-Mode: navigate")] // a link
    [InlineData("GET", "Sec-Fetch-Site: same-site\nOrigin: https://evil.example")]
    [InlineData("GET", "Sec-Fetch-Site: junk")]
    public async Task A_safe_cross_site_request_passes_with_its_cookie(string method, string headers)
    {
        var (cookie, _) = Identity.SignIn();

        var answer = await SendAsync(method, "/protected", $"{headers}\nCookie: {LoneGateway.CookieName}={cookie}");

        Assert.StartsWith("HTTP/1.1 200 ", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_refused_cross_site_request_causes_no_exchange()
    {
        var (cookie, _) = Identity.SignIn();
        var headers = $"Cookie: {LoneGateway.CookieName}={cookie}\nSec-Fetch-Site: ";

        Assert.StartsWith("HTTP/1.1 403 ", await SendAsync("POST", "/open/x", headers + "cross-site"), StringComparison.Ordinal);
        Assert.Equal(0, Identity.ExchangesOf(cookie));
        Assert.StartsWith("HTTP/1.1 200 ", await SendAsync("POST", "/open/x", headers + "same-origin"), StringComparison.Ordinal);
        Assert.Equal(1, Identity.ExchangesOf(cookie));
    }

    [Theory]
    [InlineData("GET", "Origin: " + Listed)]
    [InlineData("GET", "Sec-Fetch-Site: same-site\nOrigin: " + Listed)]
    public async Task A_request_from_a_listed_origin_ignores_the_session_cookie(string method, string headers)
    {
        var (cookie, claims) = Identity.SignIn();

        var answer = await SendAsync(method, "/protected", $"{headers}\nCookie: {LoneGateway.CookieName}={cookie}");

        Assert.StartsWith("HTTP/1.1 401 ", answer, StringComparison.Ordinal);
        Assert.Contains("missing_token", answer, StringComparison.Ordinal);
        Assert.Equal(0, Identity.ExchangesOf(cookie));
        var withToken = await SendAsync(method, "/protected", $"{headers}\nAuthorization: Bearer {Identity.Sign(claims)}");
        Assert.StartsWith("HTTP/1.1 200 ", withToken, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_logout_from_a_listed_origin_does_not_forward_the_cookie()
    {
        var (cookie, claims) = Identity.SignIn();
        var cookies = $"Cookie: {LoneGateway.CookieName}={cookie}";

        var listed = await SendAsync("POST", "/logout", $"Origin: {Listed}\nAuthorization: Bearer {Identity.Sign(claims)}\n{cookies}");
        var own = await SendAsync("POST", "/logout", $"Origin: {Own}\nAuthorization: Bearer {Identity.Sign(claims)}\n{cookies}");

        Assert.StartsWith("HTTP/1.1 200 ", listed, StringComparison.Ordinal);
        Assert.DoesNotContain(cookie, listed, StringComparison.Ordinal);
        Assert.Contains(cookie, own, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/protected", "GET", Listed)]
    [InlineData("/protected", "HEAD", Listed)]
    [InlineData("/login", "POST", Listed)]
    [InlineData("/protected", "GET", App)]
    public async Task A_preflight_from_a_listed_origin_gets_the_allowed_method_and_headers(string path, string method, string origin)
    {
        var answer = await PreflightAsync(path, method, origin);

        Assert.Equal(204, answer.Status);
        Assert.Equal(origin, answer.Header("Access-Control-Allow-Origin"));
        Assert.Equal(method, answer.Header("Access-Control-Allow-Methods"));
        Assert.Equal("Authorization,Content-Type", answer.Header("Access-Control-Allow-Headers"));
        Assert.Equal("600", answer.Header("Access-Control-Max-Age"));
        Assert.Null(answer.Header("Access-Control-Allow-Credentials"));
    }

    [Theory]
    [InlineData("/protected", "GET", "https://evil.example", 204)]
    [InlineData("/protected", "GET", "null", 204)]
    [InlineData("/protected", "GET", "ionic://localhost", 204)]
    [InlineData("/protected", "GET", Listed + ".evil.example", 204)]
    [InlineData("/protected", "DELETE", Listed, 404)] // no such method here, which a preflight sees as an unknown path
    [InlineData("/nothing", "GET", Listed, 404)]
    public async Task Any_other_preflight_gets_no_CORS_headers(string path, string method, string origin, int status)
    {
        var answer = await PreflightAsync(path, method, origin);

        Assert.Equal(status, answer.Status);
        Assert.DoesNotContain(answer.Headers, header => header.Key.StartsWith("Access-Control", StringComparison.OrdinalIgnoreCase));
    }

    [Fact]
    public async Task Only_a_listed_origin_may_read_answers_and_errors()
    {
        var token = Identity.Sign(Forge.Claims());

        Assert.Equal((200, Listed), await ReadableBy(Listed, "/protected", token));
        Assert.Equal((200, App), await ReadableBy(App, "/protected", token));
        Assert.Equal((401, Listed), await ReadableBy(Listed, "/protected", null));
        Assert.Equal((403, Listed), await ReadableBy(Listed, "/admin", token));
        Assert.Equal((200, null), await ReadableBy("https://evil.example", "/protected", token));
        Assert.Equal((200, null), await ReadableBy("null", "/protected", token));
        Assert.Equal((200, null), await ReadableBy(Own, "/protected", token));

        async Task<(int Status, string? Origin)> ReadableBy(string origin, string path, string? bearer)
        {
            var answer = await gateway.Caller.SendAsync(HttpMethod.Get, path, change: request =>
            {
                request.Headers.Add("Origin", origin);
                if (bearer is not null)
                {
                    request.Headers.Add("Authorization", "Bearer " + bearer);
                }
            });
            Assert.Null(answer.Header("Access-Control-Allow-Credentials"));
            return (answer.Status, answer.Header("Access-Control-Allow-Origin"));
        }
    }

    [Theory]
    [InlineData("/protected", 401)]
    [InlineData("/.well-known/jwks.json", 200)]
    [InlineData("/open/x", 200)]
    [InlineData("/open/x?Vary=Accept-Language", 200)]
    [InlineData("/nothing", 404)]
    [InlineData("/login", 405)]
    [InlineData("/health/live", 200)]
    public async Task Every_answer_has_Vary_Origin_even_for_a_request_without_an_origin(string path, int status)
    {
        foreach (var origin in (string?[])[null, Listed, App, Own, "https://evil.example"])
        {
            var answer = await gateway.Caller.SendAsync(HttpMethod.Get, path, change: request =>
            {
                if (origin is not null)
                {
                    request.Headers.Add("Origin", origin);
                }
            });

            Assert.Equal(status, answer.Status);
            Assert.Single(Varied(answer), "Origin");
            Assert.Equal(path.Contains("Vary=", StringComparison.Ordinal), Varied(answer).Contains("Accept-Language"));
        }
    }

    [Theory]
    [InlineData("/protected", Listed)]
    [InlineData("/protected", "https://evil.example")]
    [InlineData("/nothing", Listed)]
    public async Task A_preflight_answer_also_varies_by_the_requested_method_and_headers(string path, string origin) => Assert.Equal(
        ["Access-Control-Request-Headers", "Access-Control-Request-Method", "Origin"],
        Varied(await PreflightAsync(path, "GET", origin)).Order());

    [Fact]
    public async Task A_preflight_is_refused_if_no_origin_is_listed()
    {
        await using var lone = new LoneGateway();
        await lone.InitializeAsync();

        var answer = await lone.Caller.SendAsync(HttpMethod.Options, "/protected", change: request =>
        {
            request.Headers.Add("Origin", Listed);
            request.Headers.Add("Access-Control-Request-Method", "GET");
        });

        answer.AssertError(405, "method_not_allowed");
        Assert.Null(answer.Header("Access-Control-Allow-Origin"));
        Assert.Null(answer.Header("Vary"));
    }

    private static IEnumerable<string> Varied(Answer answer) => answer.Headers.Vary.Order();

    private static List<(string Method, string Path)> UnsafeRoutes { get; } = ReadUnsafeRoutes();

    private static List<(string Method, string Path)> ReadUnsafeRoutes()
    {
        var settings = JsonElement.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "gateway.appsettings.json")));
        var matches = settings.GetProperty("ReverseProxy").GetProperty("Routes").EnumerateObject()
            .Where(route => !IsOpenToAllOrigins(route.Value))
            .Select(route => route.Value.GetProperty("Match"));
        return [.. from match in matches
                   from method in match.GetProperty("Methods").EnumerateArray()
                   where method.GetString() is not ("GET" or "HEAD" or "OPTIONS")
                   select (method.GetString()!, match.GetProperty("Path").GetString()!.Replace("{id}", "x", StringComparison.Ordinal))];
    }

    // ProtocolEndpointTests and AuthorizeTests send forms of other sites there.
    private static bool IsOpenToAllOrigins(JsonElement route) => route.TryGetProperty("Metadata", out var metadata)
        && (metadata.TryGetProperty("Origins", out _) || metadata.TryGetProperty("Cors", out _));

    // Sends the header lines unchanged: an HTTP client would join duplicates.
    private Task<string> SendAsync(string method, string path, string headers)
    {
        var lines = headers.Replace("{token}", Identity.Sign(Forge.Claims()), StringComparison.Ordinal)
            .Split('\n', StringSplitOptions.RemoveEmptyEntries).Append("Content-Length: 0").Append("Connection: close");
        return RawHttp.SendAsync(
            gateway.Caller.Address, $"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{string.Join("\r\n", lines)}\r\n\r\n");
    }

    private Task<Answer> PreflightAsync(string path, string method, string origin) =>
        gateway.Caller.SendAsync(HttpMethod.Options, path, change: request =>
        {
            request.Headers.Add("Origin", origin);
            request.Headers.Add("Access-Control-Request-Method", method);
            request.Headers.Add("Access-Control-Request-Headers", "authorization,content-type");
        });

    public sealed class WithListedOrigins : IAsyncLifetime
    {
        public LoneGateway Gateway { get; } = new(new()
        {
            ["Gateway:CorsOrigins:0"] = "https://other.example.com",
            ["Gateway:CorsOrigins:1"] = Listed,
            ["Gateway:CorsOrigins:2"] = App,
            ["ReverseProxy:Routes:open:Match:Methods:1"] = "POST",
        });

        public ValueTask InitializeAsync() => Gateway.InitializeAsync();

        public ValueTask DisposeAsync() => Gateway.DisposeAsync();
    }
}
