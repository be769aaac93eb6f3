using System.Globalization;
using System.Security.Cryptography;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.OpenApi;

namespace AuthMesh.Tests.Gateway;

/// <summary>
/// The session cookie and the access token that replaces it. The identity service is a fake that a test can block, refuse and count.
/// </summary>
public sealed class SessionCookieTests : IClassFixture<LoneGateway>
{
    private readonly LoneGateway gateway;
    private readonly int exchangesBefore;

    public SessionCookieTests(LoneGateway gateway)
    {
        this.gateway = gateway;
        Identity.AnswerAsUsual();
        exchangesBefore = Identity.TotalExchanges;
    }

    private FakeIdentity Identity => gateway.Identity;

    private int Exchanges => Identity.TotalExchanges - exchangesBefore;

    [Fact]
    public async Task A_cookie_grants_what_its_access_token_grants_and_is_not_forwarded()
    {
        var (cookie, claims) = Identity.SignIn();

        var answer = await gateway.GetWithCookiesAsync("/protected", $"theme=dark; {LoneGateway.CookieName}={cookie}; lang=de");

        Assert.Equal(claims["sub"]!.ToString(), answer.ArrivedClaim("sub"));
        Assert.Null(answer.ArrivedHeader("Cookie"));
        Assert.Null(answer.Header("Set-Cookie"));
        Assert.All(Identity.ServiceKeys, key => Assert.Equal(ProductionMesh.ServiceKey, key));
        Assert.NotEmpty(Identity.ServiceKeys);

        (await gateway.GetAsync("/admin", cookie)).AssertError(403, "forbidden", "Admin access required");
        (await gateway.Caller.GetAsync("/protected")).AssertError(401, "missing_token");
    }

    [Theory]
    [InlineData("theme=dark")]
    [InlineData("authmesh-8080={0}")] // the name on plain http
    [InlineData("__Host-AuthMesh={0}")]
    [InlineData("__host-authmesh={0}")]
    [InlineData("x__Host-authmesh={0}")]
    [InlineData("__Host-authmesh.x={0}")]
    [InlineData("a=__Host-authmesh={0}")]
    [InlineData("a=b, __Host-authmesh={0}")] // a comma is no separator (RFC 6265 §4.2.1)
    [InlineData("__Host-authmesh")]
    [InlineData(";;=;")]
    public async Task A_cookie_of_another_name_is_ignored(string header)
    {
        var (cookie, _) = Identity.SignIn();

        var answer = await gateway.GetWithCookiesAsync("/protected", header.Replace("{0}", cookie, StringComparison.Ordinal));

        answer.AssertError(401, "missing_token");
        Assert.Equal(0, Exchanges);
    }

    [Theory]
    [InlineData("__Host-authmesh={0};")]
    [InlineData(";__Host-authmesh={0}")]
    [InlineData("a=b;__Host-authmesh={0};c")]
    [InlineData("__Host-authmesh = {0} ; __host-authmesh={0}; authmesh={0}")]
    public async Task The_session_cookie_is_found_among_other_cookies(string header)
    {
        var (cookie, claims) = Identity.SignIn();

        var answer = await gateway.GetWithCookiesAsync("/protected", header.Replace("{0}", cookie, StringComparison.Ordinal));

        Assert.Equal(claims["sub"]!.ToString(), answer.ArrivedClaim("sub"));
    }

    [Theory]
    [InlineData("Cookie: __Host-authmesh={0}; __Host-authmesh={1}")]
    [InlineData("Cookie: __Host-authmesh={0}; a=b; __Host-authmesh={0}")]
    [InlineData("Cookie: __Host-authmesh={0}\r\nCookie: __Host-authmesh={1}")]
    [InlineData("Cookie: __Host-authmesh={0}\r\ncookie: a=b; __Host-authmesh={1}")]
    [InlineData("Cookie: __Host-authmesh={0}; __Host-authmesh=")]
    [InlineData("Cookie: __Host-authmesh={0};  __Host-authmesh =junk")]
    public async Task Two_session_cookies_are_refused_without_an_exchange(string headers)
    {
        var (first, second) = (Identity.SignIn().Cookie, Identity.SignIn().Cookie);
        var lines = headers.Replace("{0}", first, StringComparison.Ordinal).Replace("{1}", second, StringComparison.Ordinal);

        var answer = await RawHttp.SendAsync(
            gateway.Caller.Address, $"GET /protected HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{lines}\r\n\r\n");

        Assert.StartsWith("HTTP/1.1 401 ", answer, StringComparison.Ordinal);
        Assert.Contains("\"code\":\"invalid_token\"", answer, StringComparison.Ordinal);
        Assert.DoesNotContain("Set-Cookie", answer, StringComparison.OrdinalIgnoreCase);
        Assert.Equal(0, Exchanges);
    }

    public static TheoryData<string> Junk => new()
    {
        "",
        "x",
        new string('A', 42),
        new string('A', 44),
        new string('A', 42) + "B", // the last character has nonzero unused bits
        new string('A', 42) + "=",
        new string('A', 42) + "+",
        new string('A', 42) + "/",
        "\"" + new string('A', 43) + "\"",
        new string('A', 21) + " " + new string('A', 21),
        new string('A', 20_000),
        "eyJhbGciOiJFUzI1NiJ9.e30.AAAA",
    };

    [Theory]
    [MemberData(nameof(Junk))]
    public async Task A_malformed_session_cookie_is_refused_without_an_exchange(string value)
    {
        var answer = await gateway.GetAsync("/protected", value);

        answer.AssertError(401, "invalid_token", "Invalid or expired token");
        Assert.Contains("invalid_token", answer.Header("WWW-Authenticate"), StringComparison.Ordinal);
        Assert.Null(answer.Header("Set-Cookie"));
        Assert.Equal(0, Exchanges);
    }

    [Fact]
    public async Task A_cookie_of_an_ended_session_is_401_each_time_and_is_not_cleared()
    {
        var (cookie, claims) = Identity.SignIn();
        Identity.SignOut(cookie);

        for (var asked = 1; asked <= 2; asked++)
        {
            var answer = await gateway.GetAsync("/protected", cookie);
            answer.AssertError(401, "invalid_token", "Invalid or expired token");
            Assert.Contains("invalid_token", answer.Header("WWW-Authenticate"), StringComparison.Ordinal);
            Assert.Null(answer.Header("Set-Cookie"));
            Assert.Equal(asked, Identity.ExchangesOf(cookie));
        }

        Identity.SignInAgain(cookie, claims); // as disabling and enabling a user does
        Assert.Equal(200, (await gateway.GetAsync("/protected", cookie)).Status);
    }

    [Fact]
    public async Task A_bearer_token_overrides_the_cookie_even_if_invalid()
    {
        var (cookie, _) = Identity.SignIn();
        var other = Forge.Claims();

        var answer = await SendAsync("Bearer " + Identity.Sign(other));
        Assert.Equal(other["sub"]!.ToString(), answer.ArrivedClaim("sub"));
        (await SendAsync("Bearer junk")).AssertError(401, "invalid_token");
        Assert.Equal(0, Exchanges);

        // Not a bearer token: a browser sends this to the whole origin if a proxy in front asked for it.
        Assert.Equal(200, (await SendAsync("Basic YTpi")).Status);
        var empty = await RawHttp.SendAsync(
            gateway.Caller.Address,
            $"GET /protected HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization:\r\nCookie: "
            + $"{LoneGateway.CookieName}={cookie}\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 200 ", empty, StringComparison.Ordinal);
        Assert.Equal(1, Exchanges);

        Task<Answer> SendAsync(string authorization) => gateway.Caller.SendAsync(HttpMethod.Get, "/protected", change: request =>
        {
            request.Headers.TryAddWithoutValidation("Authorization", authorization);
            request.Headers.TryAddWithoutValidation("Cookie", $"{LoneGateway.CookieName}={cookie}");
        });
    }

    [Theory]
    [InlineData("GET", "/echo/x", 200)] // anonymous
    [InlineData("POST", "/login", 200)]
    [InlineData("GET", "/nothing", 404)]
    [InlineData("DELETE", "/protected", 405)]
    public async Task A_route_that_needs_no_sign_in_exchanges_no_cookie(string method, string path, int status)
    {
        var (cookie, _) = Identity.SignIn();

        var answer = await gateway.Caller.SendAsync(
            new HttpMethod(method), path, change: request => request.Headers.Add("Cookie", $"{LoneGateway.CookieName}={cookie}"));

        Assert.Equal(status, answer.Status);
        Assert.Equal(0, Exchanges);
        if (status == 200)
        {
            Assert.Null(answer.ArrivedHeader("Authorization"));
            Assert.Null(answer.ArrivedHeader("Cookie"));
        }
    }

    [Fact]
    public async Task An_anonymous_route_can_use_a_session_cookie_if_it_is_usable()
    {
        var (cookie, claims) = Identity.SignIn();
        var (ended, _) = Identity.SignIn();
        Identity.SignOut(ended);

        Assert.Equal(claims["sub"]!.ToString(), (await gateway.GetAsync("/open/x", cookie)).ArrivedClaim("sub"));
        foreach (var header in new[]
        {
            "theme=dark", $"{LoneGateway.CookieName}={ended}", $"{LoneGateway.CookieName}=junk",
            $"{LoneGateway.CookieName}={cookie}; {LoneGateway.CookieName}={cookie}",
        })
        {
            var answer = await gateway.GetWithCookiesAsync("/open/x", header);
            Assert.Equal(200, answer.Status);
            Assert.Null(answer.ArrivedHeader("Authorization"));
        }

        Identity.AnswerInstead(503, "{}");
        (await gateway.GetAsync("/open/x", Identity.SignIn().Cookie)).AssertError(503, "sessions_unavailable");
        Assert.Equal(200, (await gateway.Caller.GetAsync("/open/x")).Status);
    }

    [Fact]
    public async Task Concurrent_requests_with_one_cookie_share_one_exchange()
    {
        var (cookie, claims) = Identity.SignIn();
        var (arrived, release) = (new TaskCompletionSource(), new TaskCompletionSource());
        Identity.BeforeAnswering(_ =>
        {
            arrived.TrySetResult();
            return release.Task;
        });

        var requests = Enumerable.Range(0, 200).Select(_ => gateway.GetAsync("/protected", cookie)).ToList();
        await arrived.Task;
        await SomeRoundTripsAsync();
        Assert.All(requests, request => Assert.False(request.IsCompleted));
        release.SetResult();

        Assert.All(await Task.WhenAll(requests), answer => Assert.Equal(claims["sub"]!.ToString(), answer.ArrivedClaim("sub")));
        Assert.Equal(1, Identity.ExchangesOf(cookie));
        Assert.Equal(200, (await gateway.GetAsync("/protected", cookie)).Status);
        Assert.Equal(1, Identity.ExchangesOf(cookie));
    }

    [Fact]
    public async Task A_caller_that_leaves_does_not_end_the_exchange_for_the_others()
    {
        using var http = new HttpClient { BaseAddress = gateway.Caller.Address };
        for (var round = 0; round < 20; round++)
        {
            var (cookie, _) = Identity.SignIn();
            var (arrived, release) = (new TaskCompletionSource(), new TaskCompletionSource());
            Identity.BeforeAnswering(_ =>
            {
                arrived.TrySetResult();
                return release.Task;
            });
            using var leaving = new CancellationTokenSource();
            using var request = new HttpRequestMessage(HttpMethod.Get, "/protected");
            request.Headers.Add("Cookie", $"{LoneGateway.CookieName}={cookie}");
            var first = http.SendAsync(request, leaving.Token);
            await arrived.Task;
            var second = gateway.GetAsync("/protected", cookie);
            await SomeRoundTripsAsync();

            await leaving.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
            await SomeRoundTripsAsync();
            release.SetResult();

            Assert.Equal(200, (await second).Status);
            Assert.Equal(1, Identity.ExchangesOf(cookie));
        }

        Assert.DoesNotContain("   at ", gateway.Log, StringComparison.Ordinal); // and no exception is logged
    }

    [Fact]
    public async Task Every_answer_belongs_to_its_caller()
    {
        var sessions = Enumerable.Range(0, 50).Select(_ => Identity.SignIn()).ToList();
        Identity.TokenLifetime = TimeSpan.FromSeconds(1); // so that exchanges continue throughout the test
        Identity.BeforeAnswering(async cookie =>
        {
            for (var yields = cookie[0] % 8; yields > 0; yields--)
            {
                await Task.Yield();
            }
        });

        var answers = await Task.WhenAll(Enumerable.Range(0, 100).Select(async _ =>
        {
            var checkedAnswers = 0;
            for (var round = 0; round < 40; round++)
            {
                var (cookie, claims) = sessions[RandomNumberGenerator.GetInt32(sessions.Count)];
                var answer = await gateway.GetAsync(RandomNumberGenerator.GetInt32(2) == 0 ? "/protected" : "/own/x", cookie);
                Assert.Equal(claims["sub"]!.ToString(), answer.ArrivedClaim("sub"));
                Assert.Equal(claims["sid"]!.ToString(), answer.ArrivedClaim("sid"));
                checkedAnswers++;
            }

            return checkedAnswers;
        }));

        Assert.Equal(4000, answers.Sum());
        Assert.InRange(Exchanges, sessions.Count + 1, 3999); // tokens are shared, and renewed after they expire
    }

    [Fact]
    public async Task A_token_about_to_expire_is_not_reused()
    {
        var (cookie, _) = Identity.SignIn();
        Identity.TokenLifetime = TimeSpan.FromSeconds(-2); // still valid within the clock skew

        Assert.Equal(200, (await gateway.GetAsync("/protected", cookie)).Status);
        Assert.Equal(200, (await gateway.GetAsync("/protected", cookie)).Status);
        Assert.Equal(2, Identity.ExchangesOf(cookie));
    }

    [Fact]
    public async Task A_session_that_ends_while_its_token_is_cached_is_exchanged_again_and_refused()
    {
        var (cookie, claims) = Identity.SignIn();
        Assert.Equal(200, (await gateway.GetAsync("/protected", cookie)).Status);

        Identity.SignOut(cookie);
        Identity.Tell("session-ended", new { sid = claims["sid"]!.ToString() });
        await gateway.UntilRefusedAsync(Identity.Sign(claims));

        var answer = await gateway.GetAsync("/protected", cookie);
        answer.AssertError(401, "invalid_token");
        Assert.Null(answer.Header("Set-Cookie"));
        Assert.Equal(2, Identity.ExchangesOf(cookie));
        Identity.AnswerInstead(503, "{}");
        (await gateway.GetAsync("/protected", cookie)).AssertError(503, "sessions_unavailable"); // the cached token is gone
    }

    [Fact]
    public async Task A_session_that_continues_at_a_higher_epoch_stays_signed_in()
    {
        var (cookie, claims) = Identity.SignIn();
        Assert.Equal("0", (await gateway.GetAsync("/protected", cookie)).ArrivedClaim("epoch"));

        Identity.Change(cookie, "epoch", 1);
        Identity.Tell("user-below-epoch", new { sub = claims["sub"]!.ToString(), epoch = 1 });
        await gateway.UntilRefusedAsync(Identity.Sign(claims));

        Assert.Equal("1", (await gateway.GetAsync("/protected", cookie)).ArrivedClaim("epoch"));
        Assert.Equal("1", (await gateway.GetAsync("/protected", cookie)).ArrivedClaim("epoch"));
        Assert.Equal(2, Identity.ExchangesOf(cookie));
    }

    [Fact]
    public async Task A_distrusted_key_signs_no_browser_out()
    {
        var (cookie, claims) = Identity.SignIn();
        Assert.Equal(200, (await gateway.GetAsync("/protected", cookie)).Status);
        var old = (Identity.Key.KeyId, Token: Identity.Sign(claims));

        Identity.Publish();
        await Patience.UntilAsync(async () => (await gateway.Caller.GetAsync("/protected", Identity.Sign(claims))).Status == 200);
        Identity.Tell("key-distrusted", new { kid = old.KeyId });
        await gateway.UntilRefusedAsync(old.Token);

        Assert.Equal(200, (await gateway.GetAsync("/protected", cookie)).Status);
        Assert.Equal(2, Identity.ExchangesOf(cookie));
    }

    [Fact]
    public async Task A_session_that_ends_during_the_exchange_stays_ended()
    {
        var (cookie, claims) = Identity.SignIn();
        var (minted, release) = (new TaskCompletionSource(), new TaskCompletionSource());
        Identity.AfterMinting(_ =>
        {
            minted.TrySetResult();
            return release.Task;
        });
        var requests = Enumerable.Range(0, 20).Select(_ => gateway.GetAsync("/protected", cookie)).ToList();
        await minted.Task;

        Identity.SignOut(cookie);
        Identity.Tell("session-ended", new { sid = claims["sid"]!.ToString() });
        await gateway.UntilRefusedAsync(Identity.Sign(claims));
        release.SetResult();

        Assert.All(await Task.WhenAll(requests), answer => answer.AssertError(401, "invalid_token"));
        Assert.InRange(Identity.ExchangesOf(cookie), 2, 21);
        (await gateway.GetAsync("/protected", cookie)).AssertError(401, "invalid_token");
    }

    [Fact]
    public async Task An_epoch_raised_during_the_exchange_causes_one_more_exchange_and_no_401()
    {
        var (cookie, claims) = Identity.SignIn();
        var (minted, release) = (new TaskCompletionSource(), new TaskCompletionSource());
        Identity.AfterMinting(_ =>
        {
            minted.TrySetResult();
            return release.Task;
        });
        var request = gateway.GetAsync("/protected", cookie);
        await minted.Task;

        Identity.Change(cookie, "epoch", 1);
        Identity.Tell("user-below-epoch", new { sub = claims["sub"]!.ToString(), epoch = 1 });
        await gateway.UntilRefusedAsync(Identity.Sign(claims));
        release.SetResult();

        Assert.Equal("1", (await request).ArrivedClaim("epoch"));
        Assert.Equal(2, Identity.ExchangesOf(cookie));
    }

    [Fact]
    public async Task A_revoked_token_from_the_identity_service_is_retried_once_and_then_refused()
    {
        var (cookie, claims) = Identity.SignIn();
        Identity.Tell("session-ended", new { sid = claims["sid"]!.ToString() });
        await gateway.UntilRefusedAsync(Identity.Sign(claims));

        (await gateway.GetAsync("/protected", cookie)).AssertError(401, "invalid_token");
        Assert.Equal(2, Identity.ExchangesOf(cookie));
    }

    [Theory]
    [InlineData(503, """{"status":"error","code":"database_unavailable"}""")]
    [InlineData(500, "")]
    [InlineData(404, "{}")]
    [InlineData(302, "")]
    [InlineData(401, """{"status":"error","code":"invalid_service_key"}""")] // the gateway's fault, not the caller's
    [InlineData(401, "")]
    [InlineData(401, "null")]
    [InlineData(200, "<html>")]
    [InlineData(200, "{}")]
    [InlineData(200, """{"token":"junk","expires_in":600}""")]
    [InlineData(200, """{"token":1,"expires_in":600}""")]
    public async Task A_failed_exchange_is_503_while_cached_tokens_still_work(int status, string body)
    {
        var (held, _) = Identity.SignIn();
        Assert.Equal(200, (await gateway.GetAsync("/protected", held)).Status);
        var (cookie, _) = Identity.SignIn();

        Identity.AnswerInstead(status, body);
        var answer = await gateway.GetAsync("/protected", cookie);

        answer.AssertError(503, "sessions_unavailable", "Sessions cannot be checked right now");
        Contract.CheckRefusal(answer);
        Assert.Equal("1", answer.Header("Retry-After"));
        Assert.Null(answer.Header("Set-Cookie"));
        Assert.Equal(200, (await gateway.GetAsync("/protected", held)).Status);

        Identity.AnswerAsUsual();
        Assert.Equal(200, (await gateway.GetAsync("/protected", cookie)).Status);
    }

    [Fact]
    public async Task An_identity_service_that_hangs_or_is_down_is_503_while_cached_tokens_still_work()
    {
        await using var lone = new LoneGateway();
        await lone.InitializeAsync();
        var (held, _) = lone.Identity.SignIn();
        Assert.Equal(200, (await lone.GetAsync("/protected", held)).Status);

        lone.Identity.BeforeAnswering(_ => Task.Delay(Timeout.Infinite, TestContext.Current.CancellationToken));
        (await lone.GetAsync("/protected", lone.Identity.SignIn().Cookie)).AssertError(503, "sessions_unavailable");

        await lone.Identity.DisposeAsync();
        var answer = await lone.GetAsync("/protected", lone.Identity.SignIn().Cookie);
        answer.AssertError(503, "sessions_unavailable");
        Assert.Equal("1", answer.Header("Retry-After"));
        Assert.Null(answer.Header("Set-Cookie"));
        Assert.Equal(200, (await lone.GetAsync("/protected", held)).Status);
        (await lone.GetAsync("/protected", "junk")).AssertError(401, "invalid_token");
    }

    [Fact]
    public async Task The_cookie_name_contains_the_port_on_plain_http_so_that_meshes_on_one_host_stay_separate()
    {
        await using var lone = new LoneGateway(new() { ["AuthMesh:Issuer"] = "http://localhost:8080" });
        await lone.InitializeAsync();
        var (cookie, claims) = lone.Identity.SignIn();
        claims["iss"] = "http://localhost:8080";

        var another = lone.Identity.SignIn().Cookie; // from another mesh on this host, which browsers send too
        foreach (var cookies in (string[])
            ["authmesh-8080=" + cookie, $"authmesh-9090={another}; authmesh-8080={cookie}; authmesh={another}"])
        {
            Assert.Equal(claims["sub"]!.ToString(), (await lone.GetWithCookiesAsync("/protected", cookies)).ArrivedClaim("sub"));
        }

        (await lone.GetAsync("/protected", cookie)).AssertError(401, "missing_token");
        (await lone.GetWithCookiesAsync("/protected", "authmesh=" + cookie)).AssertError(401, "missing_token");
        (await lone.GetWithCookiesAsync("/protected", "authmesh-9090=" + cookie)).AssertError(401, "missing_token");
        var answer = await lone.GetWithCookiesAsync(
            "/protected?Set-Cookie=%3Dauthmesh-8080%3Dstolen&Set-Cookie=authmesh-device-8080%3Dstolen&Set-Cookie=AuthMesh-9090%3Dstolen",
            "authmesh-8080=" + cookie);
        Assert.Null(answer.Header("Set-Cookie"));
    }

    [Fact]
    public async Task The_cache_holds_the_configured_number_of_tokens_and_keeps_those_in_use()
    {
        await using var lone = new LoneGateway(new() { ["Gateway:SessionTokens"] = "100" });
        await lone.InitializeAsync();
        var cookies = Enumerable.Range(0, 250).Select(_ => lone.Identity.SignIn().Cookie).ToList();

        foreach (var cookie in cookies)
        {
            Assert.Equal(200, (await lone.GetAsync("/protected", cookie)).Status);
            Assert.Equal(200, (await lone.GetAsync("/protected", cookies[0])).Status); // a session in constant use
        }

        Assert.Equal(250, lone.Identity.TotalExchanges);
        foreach (var cookie in cookies.TakeLast(49))
        {
            Assert.Equal(200, (await lone.GetAsync("/protected", cookie)).Status);
        }

        Assert.Equal(250, lone.Identity.TotalExchanges);
        foreach (var cookie in cookies.Skip(1).Take(100))
        {
            Assert.Equal(200, (await lone.GetAsync("/protected", cookie)).Status);
        }

        Assert.Equal(350, lone.Identity.TotalExchanges);
    }

    [Fact]
    public async Task An_answer_that_sets_the_session_cookie_drops_the_cached_token_of_the_old_one()
    {
        var (cookie, _) = Identity.SignIn();
        Assert.Equal(200, (await gateway.GetAsync("/own/x?Set-Cookie=theme%3Ddark", cookie)).Status);
        Assert.Equal(200, (await gateway.GetAsync("/protected", cookie)).Status);
        Assert.Equal(1, Identity.ExchangesOf(cookie));

        var answer = await gateway.GetAsync($"/own/x?Set-Cookie={LoneGateway.CookieName}%3D%3B%20max-age%3D0", cookie);

        Assert.Equal($"{LoneGateway.CookieName}=; max-age=0", answer.Header("Set-Cookie"));
        Identity.SignOut(cookie);
        (await gateway.GetAsync("/protected", cookie)).AssertError(401, "invalid_token");
        Assert.Equal(2, Identity.ExchangesOf(cookie));
    }

    [Theory]
    [InlineData("__Host-authmesh=stolen; Path=/; Secure; HttpOnly")]
    [InlineData("__Host-authmesh=; Max-Age=0")]
    [InlineData("  __Host-authmesh \t=stolen")]
    [InlineData("__HOST-AUTHMESH=stolen")]
    [InlineData("=__Host-authmesh=stolen")] // a nameless cookie, which a browser sends back as this text
    [InlineData("__Host-authmesh")]
    [InlineData("__Host-authmesh-device=stolen")]
    [InlineData("__Host-authmesh-device=; Max-Age=0")]
    public async Task Only_the_identity_service_can_set_or_clear_our_cookies(string setCookie)
    {
        var (cookie, _) = Identity.SignIn();
        var query = $"?Set-Cookie=a%3Db&Set-Cookie={Uri.EscapeDataString(setCookie)}&Set-Cookie=authmesh2%3Dc";

        foreach (var path in new[] { "/protected", "/open/x", "/echo/x" })
        {
            var answer = await gateway.GetAsync(path + query, cookie);
            Assert.Equal(200, answer.Status);
            Assert.Equal(["a=b", "authmesh2=c"], answer.Headers.GetValues("Set-Cookie"));
        }

        Assert.Equal(
            ["a=b", setCookie.Trim(), "authmesh2=c"], (await gateway.GetAsync("/own/x" + query, cookie)).Headers.GetValues("Set-Cookie"));
    }

    [Theory]
    [InlineData(null, "no-store")]
    [InlineData("max-age=60", "max-age=60, private")]
    [InlineData("no-cache", "no-cache, private")]
    [InlineData("max-age=60, must-revalidate", "max-age=60, must-revalidate, private")]
    [InlineData("private, max-age=60", "private, max-age=60")]
    [InlineData("no-store", "no-store")]
    [InlineData("public, max-age=60", "public, max-age=60")]
    [InlineData("max-age=1, s-maxage=60", "max-age=1, s-maxage=60")]
    public async Task Cache_headers_treat_the_cookie_like_a_bearer_token(string? said, string answered)
    {
        var (cookie, claims) = Identity.SignIn();
        var query = said is null ? "" : "?Cache-Control=" + Uri.EscapeDataString(said);

        var answer = await gateway.GetAsync("/protected" + query, cookie);

        Assert.Equal(Directives(answered), Directives(answer.Header("Cache-Control")!));
        Assert.Equal("Cookie", answer.Header("Vary"));
        var bearers = await gateway.Caller.GetAsync("/protected" + query, Identity.Sign(claims));
        Assert.Equal(Directives(said ?? "no-store"), Directives(bearers.Header("Cache-Control")!));
        Assert.Null(bearers.Header("Vary"));
        var onAnonymousRoute = await gateway.Caller.GetAsync("/open/x" + query, Identity.Sign(claims));
        Assert.Equal(Directives(said ?? "no-store"), Directives(onAnonymousRoute.Header("Cache-Control")!));
        var nobodys = await gateway.Caller.GetAsync("/open/x" + query);
        Assert.Equal(Directives(said ?? ""), Directives(nobodys.Header("Cache-Control") ?? "")); // as the service sent it
        Assert.Equal("Cookie", nobodys.Header("Vary"));

        static IEnumerable<string> Directives(string text) => text.Split(',', StringSplitOptions.TrimEntries).Order();
    }

    [Theory]
    [InlineData("{0}", 1)]
    [InlineData("{0}; theme=dark; {1}", 2)]
    [InlineData("{0}; __Host-authmesh=junk; {1}", 2)]
    [InlineData("theme=dark; __Host-authmesh=junk", 0)]
    public async Task A_logout_forwards_every_session_cookie_even_with_a_bearer_token(string header, int passed)
    {
        string[] cookies = [.. Enumerable.Range(0, 2).Select(_ => $"{LoneGateway.CookieName}={Identity.SignIn().Cookie}")];
        foreach (var authorization in (string?[])[null, "Bearer junk", "Bearer " + Identity.Sign(Forge.Claims())])
        {
            var answer = await gateway.Caller.SendAsync(HttpMethod.Post, "/logout", change: request =>
            {
                request.Headers.Add("Cookie", string.Format(CultureInfo.InvariantCulture, header, cookies));
                request.Headers.TryAddWithoutValidation("Authorization", authorization);
            });

            Assert.Equal(200, answer.Status);
            Assert.Equal(passed == 0 ? null : string.Join("; ", cookies.Take(passed)), answer.ArrivedHeader("Cookie"));
            Assert.Equal(authorization, answer.ArrivedHeader("Authorization"));
            Assert.Equal("Cookie", answer.Header("Vary"));
        }

        Assert.Equal(0, Exchanges);
    }

    [Fact]
    public async Task Vary_adds_Cookie_to_the_services_own_names()
    {
        var answer = await gateway.GetAsync("/protected?Vary=Accept-Language", Identity.SignIn().Cookie);

        Assert.Equal(["Accept-Language", "Cookie"], answer.Headers.Vary);
    }

    [Fact]
    public async Task No_cookie_token_or_key_is_logged()
    {
        var (cookie, claims) = Identity.SignIn();
        Assert.Equal(200, (await gateway.GetAsync("/protected", cookie)).Status);
        Identity.SignOut(cookie);
        Identity.Tell("session-ended", new { sid = claims["sid"]!.ToString() });
        await gateway.UntilRefusedAsync(Identity.Sign(claims));
        (await gateway.GetAsync("/protected", cookie)).AssertError(401, "invalid_token");
        Identity.AnswerInstead(200, "f" + cookie); // as if it were "false", which the parser quotes
        (await gateway.GetAsync("/protected", cookie)).AssertError(503, "sessions_unavailable");

        await gateway.UntilLoggedAsync("Session cookie refused: its session has ended");
        await gateway.UntilLoggedAsync("Cannot exchange session cookies");
        Assert.DoesNotContain(cookie, gateway.Log, StringComparison.Ordinal);
        Assert.DoesNotContain("eyJ", gateway.Log, StringComparison.Ordinal);
        Assert.DoesNotContain(ProductionMesh.ServiceKey, gateway.Log, StringComparison.Ordinal);
    }

    // Gives requests in flight time to get as far as they can.
    private async Task SomeRoundTripsAsync()
    {
        for (var i = 0; i < 10; i++)
        {
            Assert.Equal(200, (await gateway.Caller.GetAsync("/health/live")).Status);
        }
    }
}
