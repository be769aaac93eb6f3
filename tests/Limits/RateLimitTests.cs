using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Globalization;
using AuthMesh.Tests.Gateway;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.OpenApi;

namespace AuthMesh.Tests.Limits;

/// <summary>
/// The gateway's rate limits. Each test is the clients of a trusted proxy, with addresses of its own. In an hour, a client may send five
/// requests of each class.
/// </summary>
public sealed class RateLimitTests(RateLimitTests.Limited fixture) : IClassFixture<RateLimitTests.Limited>
{
    private const int Requests = 5;

    private static int addresses;

    private LoneGateway Gateway => fixture.Gateway;

    [Fact]
    public async Task A_network_at_its_limit_gets_429_and_others_are_served()
    {
        var (full, other, refusals) = (NewAddress(), NewAddress(), 0);
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, self) =>
        {
            if (instrument.Name == "authmesh.requests.refused")
            {
                self.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<long>((_, count, tags, _) =>
        {
            if (tags.ToArray().Contains(new("limit", "anonymous")))
            {
                Interlocked.Add(ref refusals, (int)count);
            }
        });
        listener.Start();

        Assert.All(await AskAsync(Requests, "/echo/x", full), answer => Assert.Equal(200, answer.Status));
        var refused = await AskAsync("/echo/x", full);

        refused.AssertError(429, "too_many_requests", "Too many requests from your network");
        Contract.CheckRefusal(refused);
        Assert.InRange(int.Parse(refused.Header("Retry-After")!, CultureInfo.InvariantCulture), 600, 3600 / Requests);
        Assert.InRange(refusals, 1, int.MaxValue);
        await Gateway.UntilLoggedAsync("Gateway:RateLimits:Anonymous has refused");
        Assert.Equal(429, (await AskAsync("/open/x", full)).Status); // all routes of the class count together
        Assert.Equal(429, (await AskAsync("/.well-known/oauth-protected-resource/x", full)).Status); // which the gateway answers itself
        Assert.Equal(200, (await AskAsync("/echo/x", other)).Status);
        Assert.Equal(200, (await AskAsync("/counted-as-sign-in", full)).Status); // a class of its own
    }

    [Fact]
    public async Task The_addresses_of_an_IPv6_network_count_together()
    {
        var site = $"2001:db8:{Interlocked.Increment(ref addresses):x}";
        for (var host = 1; host <= Requests; host++)
        {
            Assert.Equal(200, (await AskAsync("/echo/x", $"{site}:1::{host:x}")).Status);
        }

        Assert.Equal(429, (await AskAsync("/echo/x", $"{site}:1:ffff::1")).Status);
        Assert.Equal(200, (await AskAsync("/echo/x", $"{site}:2::1")).Status);
    }

    [Fact]
    public async Task Cookies_and_tokens_of_a_session_share_its_count_from_wherever_they_come()
    {
        var (cookie, claims) = Gateway.Identity.SignIn();
        var token = Gateway.Identity.Sign(claims);
        for (var request = 0; request < Requests; request++)
        {
            var answer = request % 2 == 0 ? await AskAsync("/protected", NewAddress(), token)
                : await AskAsync("/protected", NewAddress(), cookie: cookie);
            Assert.Equal(200, answer.Status);
        }

        (await AskAsync("/protected", NewAddress(), token)).AssertError(429, "too_many_requests", "Too many requests of this session");
        Assert.Equal(429, (await AskAsync("/own/x", NewAddress(), cookie: cookie)).Status);
        var another = Gateway.Identity.Sign(claims);
        Assert.Equal(429, (await AskAsync("/protected", NewAddress(), another)).Status); // a new token changes nothing
    }

    [Fact]
    public async Task Sessions_in_one_network_do_not_limit_each_other()
    {
        var office = NewAddress();
        for (var session = 0; session < 3; session++)
        {
            var token = Gateway.Identity.Sign(Gateway.Identity.SignIn().Claims);
            Assert.All(await AskAsync(Requests, "/protected", office, token), answer => Assert.Equal(200, answer.Status));
            Assert.Equal(429, (await AskAsync("/protected", office, token)).Status);
        }

        Assert.Equal(200, (await AskAsync("/echo/x", office)).Status);
    }

    [Fact]
    public async Task A_caller_who_may_not_use_a_route_counts_too()
    {
        var token = Gateway.Identity.Sign(Gateway.Identity.SignIn().Claims);

        Assert.All(await AskAsync(Requests, "/admin", NewAddress(), token), answer => Assert.Equal(403, answer.Status));

        Assert.Equal(429, (await AskAsync("/admin", NewAddress(), token)).Status);
    }

    [Theory]
    [InlineData("a token")]
    [InlineData("no token")]
    [InlineData("a cookie")]
    public async Task Requests_without_a_good_token_count_as_anonymous_and_spare_known_callers(string what)
    {
        var network = NewAddress();
        var (cookie, claims) = Gateway.Identity.SignIn();
        var token = Gateway.Identity.Sign(claims);
        Assert.Equal(200, (await AskAsync("/protected", network, token)).Status);
        Assert.Equal(200, (await AskAsync("/protected", NewAddress(), cookie: cookie)).Status); // its exchange counts
        var (madeUp, _) = Gateway.Identity.SignIn();
        Gateway.Identity.SignOut(madeUp);

        Assert.All(await Together.RunAsync(Requests, _ => AskBadlyAsync()), answer => Assert.Equal(401, answer.Status));
        var exchanges = Gateway.Identity.ExchangesOf(madeUp);
        (await AskBadlyAsync()).AssertError(429, "too_many_requests", "Too many requests from your network");
        Assert.Equal(exchanges, Gateway.Identity.ExchangesOf(madeUp)); // a refusal asks nobody

        Assert.Equal(429, (await AskAsync("/echo/x", network)).Status);
        Assert.Equal(200, (await AskAsync("/protected", network, token)).Status); // its token is cached
        Assert.Equal(200, (await AskAsync("/protected", network, cookie: cookie)).Status);
        var fresh = Gateway.Identity.Sign(Gateway.Identity.SignIn().Claims);
        Assert.Equal(429, (await AskAsync("/protected", network, fresh)).Status); // it would have to be verified
        Assert.Equal(200, (await AskAsync("/protected", NewAddress(), fresh)).Status);
        Assert.Equal(200, (await AskAsync("/protected", network, fresh)).Status);

        Task<Answer> AskBadlyAsync() => what switch
        {
            "a token" => AskAsync("/protected", network, token[..^8] + "AAAAAAAA"),
            "a cookie" => AskAsync("/protected", network, cookie: madeUp),
            _ => AskAsync("/protected", network),
        };
    }

    [Fact]
    public async Task What_the_gateway_answers_by_itself_is_not_counted()
    {
        var page = NewAddress();
        for (var i = 0; i < 2 * Requests; i++)
        {
            Assert.Equal(200, (await AskAsync("/uncounted", page)).Status); // its route says none
            Assert.Equal(200, (await AskAsync("/health/live", page)).Status);
            Assert.Equal(404, (await AskAsync("/nothing", page)).Status);
            var preflight = await SendAsync(HttpMethod.Options, "/echo/x", page, request =>
            {
                request.Headers.Add("Origin", Limited.Origin);
                request.Headers.Add("Access-Control-Request-Method", "GET");
            });
            Assert.Equal(204, preflight.Status);
        }

        Assert.All(await AskAsync(Requests, "/echo/x", page), answer => Assert.Equal(200, answer.Status));
        var refused = await SendAsync(HttpMethod.Get, "/echo/x", page, request => request.Headers.Add("Origin", Limited.Origin));
        Assert.Equal((429, Limited.Origin), (refused.Status, refused.Header("Access-Control-Allow-Origin"))); // the page can read it
    }

    [Fact]
    public async Task After_the_time_of_Retry_After_a_request_is_served()
    {
        var client = NewAddress();
        Answer refused;
        do
        {
            refused = await AskAsync("/counted-as-sign-in", client); // two in two seconds
        }
        while (refused.Status == 200);

        var since = Stopwatch.StartNew();
        var retryAfter = refused.Header("Retry-After")!;
        Assert.Equal((429, "1"), (refused.Status, retryAfter));
        await Patience.UntilAsync(async () =>
        {
            var isDue = since.Elapsed >= TimeSpan.FromSeconds(int.Parse(retryAfter, CultureInfo.InvariantCulture));
            var answer = await AskAsync("/counted-as-sign-in", client);
            Assert.True(answer.Status == (isDue ? 200 : answer.Status), $"{answer} after {since.Elapsed}");
            return answer.Status == 200;
        });
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task This_machines_own_addresses_are_exempt_unless_set_otherwise_and_cannot_claim_others(bool isLimited)
    {
        await using var gateway = new LoneGateway(new()
        {
            ["Gateway:RateLimits:Anonymous:Requests"] = $"{Requests}",
            ["Gateway:RateLimits:Anonymous:Window"] = "01:00:00",
            ["Gateway:RateLimits:SignedIn:Requests"] = $"{Requests}",
            ["Gateway:RateLimits:SignedIn:Window"] = "01:00:00",
            ["Gateway:RateLimits:LimitLoopback"] = isLimited ? "true" : "false",
        });
        await gateway.InitializeAsync();
        var token = gateway.Identity.Sign(gateway.Identity.SignIn().Claims);

        foreach (var path in (string[])["/echo/x", "/protected"])
        {
            var answers = new List<int>();
            for (var i = 0; i <= Requests; i++)
            {
                answers.Add((await SendAsync(gateway.Caller, HttpMethod.Get, path, $"203.0.113.{i}", Authorize(token))).Status);
            }

            Assert.Equal([.. Enumerable.Repeat(200, Requests), isLimited ? 429 : 200], answers);
        }
    }

    private static string NewAddress()
    {
        var number = Interlocked.Increment(ref addresses);
        return $"203.0.{number >> 8}.{number & 255}";
    }

    private async Task<List<Answer>> AskAsync(int count, string path, string from, string? token = null)
    {
        var answers = new List<Answer>();
        for (var i = 0; i < count; i++)
        {
            answers.Add(await AskAsync(path, from, token));
        }

        return answers;
    }

    private Task<Answer> AskAsync(string path, string from, string? token = null, string? cookie = null) =>
        SendAsync(HttpMethod.Get, path, from, Authorize(token, cookie));

    private Task<Answer> SendAsync(HttpMethod method, string path, string from, Action<HttpRequestMessage> change) =>
        SendAsync(Gateway.Caller, method, path, from, change);

    private static Task<Answer> SendAsync(
        Caller caller, HttpMethod method, string path, string from, Action<HttpRequestMessage> change) =>
        caller.SendAsync(method, path, change: request =>
        {
            request.Headers.Add("X-Forwarded-For", from);
            change(request);
        });

    private static Action<HttpRequestMessage> Authorize(string? token, string? cookie = null) => request =>
    {
        if (token is not null)
        {
            request.Headers.Authorization = new("Bearer", token);
        }

        if (cookie is not null)
        {
            request.Headers.Add("Cookie", $"{LoneGateway.CookieName}={cookie}");
        }
    };

    public sealed class Limited : IAsyncLifetime
    {
        public const string Origin = "https://app.example.test";

        internal LoneGateway Gateway { get; private set; } = null!;

        public async ValueTask InitializeAsync()
        {
            var settings = new Dictionary<string, string>
            {
                ["Gateway:CorsOrigins:0"] = Origin,
                ["Gateway:TrustedProxies:0"] = "127.0.0.0/8",
                ["Gateway:TrustedProxies:1"] = "::1",
                ["Gateway:RateLimits:Anonymous:Requests"] = $"{Requests}",
                ["Gateway:RateLimits:Anonymous:Window"] = "01:00:00",
                ["Gateway:RateLimits:SignedIn:Requests"] = $"{Requests}",
                ["Gateway:RateLimits:SignedIn:Window"] = "01:00:00",
                ["Gateway:RateLimits:SignIn:Requests"] = "2",
                ["Gateway:RateLimits:SignIn:Window"] = "00:00:02",
            };
            foreach (var (name, rate) in new[] { ("counted-as-sign-in", "sign-in"), ("uncounted", "none") })
            {
                var key = $"ReverseProxy:Routes:{name}";
                settings[$"{key}:ClusterId"] = "echo";
                settings[$"{key}:Match:Path"] = $"/{name}";
                settings[$"{key}:Match:Methods:0"] = "GET";
                settings[$"{key}:AuthorizationPolicy"] = "anonymous";
                settings[$"{key}:Metadata:RateLimit"] = rate;
            }

            Gateway = new LoneGateway(settings);
            await Gateway.InitializeAsync();
        }

        public ValueTask DisposeAsync() => Gateway.DisposeAsync();
    }
}
