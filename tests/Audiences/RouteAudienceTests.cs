using System.Text.Json;
using System.Text.Json.Nodes;
using AuthMesh.LocalMesh;
using AuthMesh.LocalMesh.Processes;
using AuthMesh.Tests.Gateway;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Streams;

namespace AuthMesh.Tests.Audiences;

/// <summary>
/// Routes with an audience of their own. The identity service is a fake, and signs tokens for any audience. Behind the routes are a service
/// that echoes, and two services with <c>AddAuthMesh()</c>, one of which has the audience <see cref="Tools"/>.
/// </summary>
public sealed class RouteAudienceTests : IClassFixture<RouteAudienceTests.Mesh>
{
    private const string Own = "authmesh";
    private const string Tools = ProductionMesh.Issuer + "/tools", Reports = ProductionMesh.Issuer + "/reports/v1.0";

    // Each path with the audience that its route takes. The last one is a streaming route.
    private static readonly (string Path, string Audience)[] Routes =
    [
        ("/protected", Own), ("/tools", Tools), ("/tools/x", Tools), ("/reports/v1.0", Reports), ("/events", Own), ("/tools/stream", Tools),
    ];

    private readonly LoneGateway gateway;

    public RouteAudienceTests(Mesh mesh)
    {
        gateway = mesh.Gateway;
        Identity.AnswerAsUsual();
    }

    private FakeIdentity Identity => gateway.Identity;

    [Theory]
    [InlineData(Own)]
    [InlineData(Tools)]
    [InlineData(Reports)]
    [InlineData(ProductionMesh.Issuer + "/none")]
    [InlineData(ProductionMesh.Issuer)]
    [InlineData(Tools + "/")]
    [InlineData(ProductionMesh.Issuer + "/TOOLS")]
    public async Task A_token_passes_only_the_routes_of_its_audience_wherever_it_was_remembered(string audience)
    {
        // Once per path: the path sees the token first. Then every path sees the remembered one, twice.
        foreach (var first in Routes)
        {
            var token = Sign(audience);
            foreach (var (path, wanted) in Routes.Prepend(first).Concat(Routes).Concat(Routes.Reverse()))
            {
                var answer = await gateway.Caller.GetAsync(path, token);
                if (audience == wanted)
                {
                    Assert.Equal(audience, answer.ArrivedClaim("aud"));
                }
                else
                {
                    answer.AssertError(401, "invalid_token", "Invalid or expired token");
                }
            }
        }
    }

    public static TheoryData<string, string, string> Combinations()
    {
        var rows = new TheoryData<string, string, string>();
        foreach (var token in (string[])[Own, Tools])
        {
            foreach (var route in (string[])[Own, Tools])
            {
                foreach (var service in (string[])[Own, Tools])
                {
                    rows.Add(token, route, service);
                }
            }
        }

        return rows;
    }

    [Theory]
    [MemberData(nameof(Combinations))]
    public async Task A_request_passes_only_if_token_route_and_service_agree(string token, string route, string service)
    {
        var path = (route == Own ? "/mesh" : "/tools/mesh") + (service == Own ? "/own" : "/tools");
        var text = Sign(token);

        for (var turn = 0; turn < 2; turn++) // both remember it at the first one
        {
            var answer = await gateway.Caller.GetAsync(path, text);
            if (token == route && route == service)
            {
                Assert.Equal((200, "here"), (answer.Status, answer.Text));
                continue;
            }

            // The gateway's answer or the service's. The gateway completes the challenge of both.
            Assert.Equal((401, "invalid_token"), (answer.Status, answer.Code));
            Assert.StartsWith(
                $"Bearer {(route == Tools ? Link("/tools") + ", " : "")}realm=\"authmesh\", error=\"invalid_token\"",
                answer.Header("WWW-Authenticate"), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_cookie_and_a_key_get_a_token_for_each_audience_and_no_route_gets_that_of_another()
    {
        foreach (var (credential, sendAsync) in Credentials("mesh tools.use"))
        {
            for (var turn = 0; turn < 3; turn++)
            {
                foreach (var (path, audience) in Routes.Where(route => !route.Path.EndsWith("stream", StringComparison.Ordinal)))
                {
                    Assert.Equal(audience, (await sendAsync(path)).ArrivedClaim("aud"));
                }
            }

            Assert.Equal(3, Identity.ExchangesOf(credential));
            Assert.Equal(Tools, (await sendAsync("/tools/stream")).ArrivedClaim("aud"));
            Assert.Equal(3, Identity.ExchangesOf(credential)); // the stream takes the fresh token of its audience
        }
    }

    [Fact]
    public async Task Many_requests_at_once_share_one_exchange_for_each_audience()
    {
        var (cookie, _) = Identity.SignIn();
        var release = new TaskCompletionSource();
        Identity.BeforeAnswering(_ => release.Task);

        var requests = Enumerable.Range(0, 60).Select(i => Routes[i % 4]).Select(
            route => (route.Audience, Answer: gateway.GetAsync(route.Path, cookie))).ToList();
        await Patience.UntilAsync(() => Identity.ExchangesOf(cookie) == 3);
        release.SetResult();

        foreach (var (audience, answer) in requests)
        {
            Assert.Equal(audience, (await answer).ArrivedClaim("aud"));
        }

        Assert.Equal(3, Identity.ExchangesOf(cookie));
    }

    [Fact]
    public async Task An_identity_service_that_knows_no_audiences_opens_no_route_with_one()
    {
        // 1. It refuses what it does not know.
        var (cookie, claims) = Identity.SignIn();
        Identity.AnswerInstead(400, """{"status":"error","message":"audience is no member","code":"invalid_request","traceId":"0"}""");
        (await gateway.GetAsync("/tools", cookie)).AssertError(503, "sessions_unavailable");

        // 2. Even if it ignored that: the guard compares.
        Identity.AnswerInstead(200, $$"""{"token":"{{Identity.Sign(claims)}}","expires_in":600}""");
        (await gateway.GetAsync("/tools", cookie)).AssertError(401, "invalid_token");
        (await gateway.GetAsync("/tools", cookie)).AssertError(401, "invalid_token");
        Identity.AnswerAsUsual();
        Assert.Equal(Own, (await gateway.GetAsync("/protected", cookie)).ArrivedClaim("aud"));
    }

    [Fact]
    public async Task A_cookie_that_is_replaced_is_forgotten_for_every_audience()
    {
        var (cookie, _) = Identity.SignIn();
        foreach (var (path, _) in Routes)
        {
            Assert.Equal(200, (await gateway.GetAsync(path, cookie)).Status);
        }

        Assert.Equal(3, Identity.ExchangesOf(cookie));
        Identity.SignOut(cookie);
        Assert.Equal(200, (await gateway.GetAsync("/tools", cookie)).Status); // the feed has said nothing yet
        var changed = await gateway.GetAsync($"/own/x?Set-Cookie={LoneGateway.CookieName}%3Dx", cookie);
        Assert.Equal(200, changed.Status);

        foreach (var (path, _) in Routes)
        {
            (await gateway.GetAsync(path, cookie)).AssertError(401, "invalid_token");
        }
    }

    [Fact]
    public async Task A_limited_token_opens_what_names_its_scope_there_too()
    {
        foreach (var (scope, status) in ((string, int)[])[("tools.use", 200), ("reports.read", 403), ("mesh", 200)])
        {
            foreach (var (_, sendAsync) in Credentials(scope).Skip(1))
            {
                for (var turn = 0; turn < 2; turn++)
                {
                    var answer = await sendAsync("/tools");
                    Assert.Equal(status, answer.Status);
                    Assert.Equal(
                        status == 200 ? null
                        : $"Bearer {Link("/tools")}, realm=\"authmesh\", error=\"insufficient_scope\", scope=\"tools.use\"",
                        answer.Header("WWW-Authenticate"));
                }
            }
        }
    }

    [Theory]
    [InlineData("/tools", "/tools")]
    [InlineData("/tools/x", "/tools")]
    [InlineData("/tools/stream", "/tools")]
    [InlineData("/reports/v1.0", "/reports/v1.0")]
    public async Task A_challenge_leads_to_the_metadata(string path, string resource)
    {
        var missing = await gateway.Caller.GetAsync(path);
        missing.AssertError(401, "missing_token");
        Assert.Equal($"Bearer {Link(resource)}, realm=\"authmesh\"", missing.Header("WWW-Authenticate"));
        foreach (var refused in (Answer[])
            [
                await gateway.Caller.GetAsync(path, "junk"), await gateway.GetAsync(path, "junk"),
                await gateway.GetAsync(path, new string('A', 43)),
                await gateway.Caller.GetAsync(path, "am_junk"),
            ])
        {
            refused.AssertError(401, "invalid_token");
            Assert.Equal(
                $"Bearer {Link(resource)}, realm=\"authmesh\", error=\"invalid_token\", error_description=\"Invalid or expired token\"",
                refused.Header("WWW-Authenticate"));
        }

        var address = missing.Header("WWW-Authenticate")!.Split('"')[1];
        var metadata = await gateway.Caller.GetAsync(address[ProductionMesh.Issuer.Length..]);
        Assert.Equal(200, metadata.Status);
        Assert.Equal(ProductionMesh.Issuer + resource, metadata.Member("resource"));
    }

    [Fact]
    public async Task Other_routes_and_other_refusals_lead_nowhere()
    {
        Assert.Equal("Bearer realm=\"authmesh\"", (await gateway.Caller.GetAsync("/protected")).Header("WWW-Authenticate"));
        var twice = await RawHttp.SendAsync(
            gateway.Caller.Address,
            "GET /tools HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 400 ", twice, StringComparison.Ordinal);
        var posted = await gateway.Caller.SendAsync(
            HttpMethod.Post, "/tools", change: request => request.Headers.Add("Origin", "https://evil.example"));
        posted.AssertError(403, "cross_origin");
        Assert.Null(posted.Header("WWW-Authenticate"));
    }

    /// <summary>What a service answers, and what the client sees of it.</summary>
    [Theory]
    [InlineData("Bearer", "Bearer LINK")]
    [InlineData("bearer realm=\"x\"", "Bearer LINK, realm=\"x\"")]
    [InlineData("Bearer, Basic realm=\"x\"", "Bearer LINK, Basic realm=\"x\"")]
    [InlineData("Bearer realm=\"x\", Basic realm=\"y\"", "Bearer LINK, realm=\"x\", Basic realm=\"y\"")]
    [InlineData("Basic realm=\"x\"", "Basic realm=\"x\"")]
    [InlineData("BearerX realm=\"x\"", "BearerX realm=\"x\"")]
    [InlineData("Bearer resource_metadata=\"https://own.example\"", "Bearer resource_metadata=\"https://own.example\"")]
    public async Task A_challenge_of_the_service_keeps_its_other_parts(string challenge, string seen)
    {
        var answer = await gateway.Caller.GetAsync($"/tools/x?WWW-Authenticate={Uri.EscapeDataString(challenge)}", Sign(Tools));

        Assert.Equal(200, answer.Status);
        Assert.Equal(seen.Replace("LINK", Link("/tools"), StringComparison.Ordinal), answer.Header("WWW-Authenticate"));
    }

    [Theory]
    [InlineData("/tools", "\"scopes_supported\":[\"tools.admin\",\"tools.use\"],")] // of its three routes
    [InlineData("/reports/v1.0", "")]
    public async Task The_gateway_describes_a_resource_to_everybody(string resource, string scopes)
    {
        const string Issuer = ProductionMesh.Issuer;
        var expected = $$"""
            {"resource":"{{Issuer}}{{resource}}","authorization_servers":["{{Issuer}}"],{{scopes}}"bearer_methods_supported":["header"]}
            """;
        var before = Identity.Requests;
        var answer = await gateway.Caller.SendAsync(
            HttpMethod.Get, WellKnown + resource, change: request => request.Headers.Add("Origin", "https://anywhere.example"));

        Assert.Equal(
            (200, "application/json", expected),
            (answer.Status, answer.ContentHeaders.ContentType?.MediaType, answer.Text));
        Assert.Equal(("*", "public, max-age=300"), (answer.Header("Access-Control-Allow-Origin"), answer.Header("Cache-Control")));
        Assert.Equal(before, Identity.Requests);
        var preflight = await gateway.Caller.SendAsync(HttpMethod.Options, WellKnown + resource, change: request =>
        {
            request.Headers.Add("Origin", "https://anywhere.example");
            request.Headers.Add("Access-Control-Request-Method", "GET");
            request.Headers.Add("Access-Control-Request-Headers", "mcp-protocol-version");
        });
        Assert.Equal((204, "*"), (preflight.Status, preflight.Header("Access-Control-Allow-Origin")));
        Assert.Equal((200, ""), await HeadAsync(WellKnown + resource));
    }

    [Theory]
    [InlineData("GET", "", 404)]
    [InlineData("GET", "/", 404)]
    [InlineData("GET", "/tools/", 404)]
    [InlineData("GET", "/tools/x", 404)]
    [InlineData("GET", "/TOOLS", 404)]
    [InlineData("GET", "/tool%73", 200)] // the same path (RFC 3986 §6.2.2.2)
    [InlineData("GET", "/protected", 404)]
    [InlineData("GET", "/reports", 404)]
    [InlineData("GET", "//evil.example/tools", 404)]
    [InlineData("POST", "/tools", 405)]
    public async Task Nothing_else_is_described(string method, string path, int status)
    {
        var answer = await gateway.Caller.SendAsync(new HttpMethod(method), WellKnown + path);

        Assert.Equal(status, answer.Status);
        Assert.Equal(status == 200 ? ProductionMesh.Issuer + "/tools" : null, answer.Member("resource"));
    }

    [Fact]
    public async Task The_headers_of_the_model_context_protocol_pass_on_these_routes_only()
    {
        string[] names = ["MCP-Protocol-Version", "Mcp-Session-Id", "Mcp-Method", "Mcp-Name"];
        foreach (var (path, audience) in Routes)
        {
            var answer = await gateway.Caller.SendAsync(HttpMethod.Get, path, change: request =>
            {
                request.Headers.Authorization = new("Bearer", Sign(audience));
                foreach (var name in names)
                {
                    request.Headers.Add(name, "a value");
                }
            });

            Assert.Equal(200, answer.Status);
            Assert.All(names, name => Assert.Equal(audience == Own ? null : "a value", answer.ArrivedHeader(name)));
        }
    }

    private const string WellKnown = "/.well-known/oauth-protected-resource";

    private static string Link(string resource) => $"resource_metadata=\"{ProductionMesh.Issuer}{WellKnown}{resource}\"";

    private string Sign(string audience)
    {
        var claims = Forge.Claims();
        claims["aud"] = audience;
        return Identity.Sign(claims);
    }

    private async Task<(int, string)> HeadAsync(string path)
    {
        var answer = await gateway.Caller.SendAsync(HttpMethod.Head, path);
        return (answer.Status, answer.Text);
    }

    /// <summary>A new cookie, then a new key, and how to send a request with it.</summary>
    private IEnumerable<(string Credential, Func<string, Task<Answer>> SendAsync)> Credentials(string scopes)
    {
        var (cookie, _) = Identity.SignIn();
        yield return (cookie, path => gateway.GetAsync(path, cookie));
        var (key, _) = Identity.AddKey(scopes);
        yield return (key, path => gateway.Caller.GetAsync(path, key));
    }

    public sealed class Mesh : IAsyncLifetime
    {
        private readonly int own = Ports.Free(), tools = Ports.Free();
        private readonly List<MeshService> services = [];

        public Mesh()
        {
            var settings = new Dictionary<string, string>
            {
                ["ReverseProxy:Clusters:own:Destinations:one:Address"] = Loopback.Origin(own),
                ["ReverseProxy:Clusters:tools:Destinations:one:Address"] = Loopback.Origin(tools),
                ["ReverseProxy:Routes:tools-stream:Metadata:Streaming"] = "true",
                ["ReverseProxy:Routes:tools:Match:Methods:1"] = "POST",
            };
            Route("tools", "/tools/{**rest}", "resource", "scope:tools.use", Tools);
            Route("tools-stream", "/tools/stream", "resource", "scope:tools.use", Tools);
            Route("tools-admin", "/tools/admin", "resource", "admin-or-scope:tools.admin", Tools);
            Route("reports", "/reports/v1.0", "resource", "signed-in", Reports);
            Route("mesh-own", "/mesh/own", "own", "signed-in", null);
            Route("mesh-tools", "/mesh/tools", "tools", "signed-in", null);
            Route("tools-mesh-own", "/tools/mesh/own", "own", "signed-in", Tools);
            Route("tools-mesh-tools", "/tools/mesh/tools", "tools", "signed-in", Tools);
            Gateway = new LoneGateway(settings);

            void Route(string name, string path, string cluster, string policy, string? audience)
            {
                settings[$"ReverseProxy:Routes:{name}:ClusterId"] = cluster;
                settings[$"ReverseProxy:Routes:{name}:Match:Path"] = path;
                settings[$"ReverseProxy:Routes:{name}:Match:Methods:0"] = "GET";
                settings[$"ReverseProxy:Routes:{name}:AuthorizationPolicy"] = policy;
                if (audience is not null)
                {
                    settings[$"ReverseProxy:Routes:{name}:Metadata:Audience"] = audience;
                }
            }
        }

        public LoneGateway Gateway { get; }

        public async ValueTask InitializeAsync()
        {
            await Gateway.InitializeAsync();
            services.Add(await MeshService.StartAsync(own, Gateway.Identity, Map));
            services.Add(await MeshService.StartAsync(
                tools, Gateway.Identity, Map, builder => builder.Configuration["AuthMesh:Audience"] = Tools));
        }

        public async ValueTask DisposeAsync()
        {
            foreach (var service in services)
            {
                await service.DisposeAsync();
            }

            await Gateway.DisposeAsync();
        }

        private static void Map(Microsoft.AspNetCore.Builder.WebApplication app)
        {
            foreach (var path in (string[])["/mesh/own", "/mesh/tools", "/tools/mesh/own", "/tools/mesh/tools"])
            {
                Microsoft.AspNetCore.Builder.EndpointRouteBuilderExtensions.MapGet(app, path, () => "here");
            }
        }
    }
}
