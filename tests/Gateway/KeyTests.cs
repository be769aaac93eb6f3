using System.Globalization;
using AuthMesh.Tests.Harness;
using AuthMesh.Tokens;

namespace AuthMesh.Tests.Gateway;

/// <summary>
/// Keys at the gateway, and the access tokens that replace them. The identity service is a fake that a test can block, refuse and count.
/// </summary>
public sealed class KeyTests : IClassFixture<LoneGateway>
{
    private readonly LoneGateway gateway;
    private readonly int exchangesBefore;

    public KeyTests(LoneGateway gateway)
    {
        this.gateway = gateway;
        Identity.AnswerAsUsual();
        exchangesBefore = Identity.TotalExchanges;
    }

    private FakeIdentity Identity => gateway.Identity;

    private int Exchanges => Identity.TotalExchanges - exchangesBefore;

    [Theory]
    [InlineData("Bearer {0}")]
    [InlineData("bearer {0}")]
    [InlineData("Bearer   {0} ")]
    public async Task A_key_grants_what_its_access_token_grants_and_is_not_forwarded(string form)
    {
        var (key, claims) = Identity.AddKey("mesh");

        for (var times = 0; times < 2; times++)
        {
            var answer = await GetAsync("/protected", form.Replace("{0}", key, StringComparison.Ordinal));
            Assert.Equal(claims["sub"]!.ToString(), answer.ArrivedClaim("sub"));
            Assert.DoesNotContain("am_", answer.Text, StringComparison.Ordinal);
        }

        Assert.Equal(1, Exchanges);
        (await gateway.Caller.GetAsync("/admin", key)).AssertError(403, "forbidden", "Admin access required");
        Assert.Equal(1, Exchanges);
    }

    [Fact]
    public async Task A_limited_key_opens_no_route_that_names_no_scope()
    {
        var (key, _) = Identity.AddKey("account.read");

        (await gateway.Caller.GetAsync("/protected", key)).AssertError(403, "insufficient_scope");
        (await gateway.Caller.GetAsync("/admin", key)).AssertError(403, "insufficient_scope");
        (await gateway.Caller.GetAsync("/users", key)).AssertError(403, "insufficient_scope", "This needs the scope users.read");
        Assert.Equal(200, (await gateway.Caller.GetAsync("/account", key)).Status);
        Assert.Equal(200, (await gateway.Caller.GetAsync("/account", key)).Status); // the token is cached now
        (await gateway.Caller.GetAsync("/protected", key)).AssertError(403, "insufficient_scope");
        (await gateway.Caller.GetAsync("/account", Identity.AddKey("other").Key)).AssertError(403, "insufficient_scope");
        Assert.Equal(200, (await gateway.Caller.GetAsync("/users", Identity.AddKey("users.read").Key)).Status);
        (await gateway.Caller.GetAsync("/users", Identity.AddKey("mesh").Key)).AssertError(403, "forbidden", "Admin access required");
    }

    public static TheoryData<string> Junk()
    {
        var key = KeyText.Create();
        return
        [
            "Bearer am_", "Bearer am_x", "Bearer " + key[..^1], "Bearer " + key + "x", "Bearer " + key[..^1] + (key[^1] == '0' ? '1' : '0'),
            "Bearer am_" + new string('0', 49), "Bearer am_" + new string('a', 20_000), key, "Token " + key, "Basic " + key,
            "Bearer\t" + key,
            "Bearer: " + key, "Bearer \"" + key + "\"", "Bearer key=" + key, "Bearer x " + key, "Bearer " + key + " " + key,
            "Bearer " + key + ", Bearer x", "Bearer x, Bearer " + key, "Bearer x,Bearer " + key, "Bearer eyJ.e.x;" + key,
            "Bearer " + key[..20] + "é" + key[21..], "Bearer " + key.Replace("am_", "am_\u200b", StringComparison.Ordinal),
        ];
    }

    [Theory]
    [MemberData(nameof(Junk))]
    public async Task What_is_no_exact_key_is_refused_without_an_exchange_and_never_forwarded(string header)
    {
        var refused = await SendRawAsync("/protected", $"Authorization: {header}");
        Assert.StartsWith("HTTP/1.1 401 ", refused, StringComparison.Ordinal);
        Assert.Contains("\"code\":\"invalid_token\"", refused, StringComparison.Ordinal);

        var open = await SendRawAsync("/echo/x", $"Authorization: {header}");
        Assert.StartsWith("HTTP/1.1 200 ", open, StringComparison.Ordinal);
        Assert.DoesNotContain("am_", open, StringComparison.Ordinal);
        Assert.Equal(0, Exchanges);
    }

    [Theory]
    [InlineData("Authorization: Bearer {0}\r\nAuthorization: Bearer {0}")]
    [InlineData("Authorization: Bearer {0}\r\nauthorization: Bearer x")]
    [InlineData("Authorization: Basic eA==\r\nAuthorization: Bearer {0}")]
    [InlineData("Authorization: \r\nAuthorization: Bearer {0}")]
    public async Task A_second_Authorization_header_is_refused_without_an_exchange(string headers)
    {
        var lines = headers.Replace("{0}", Identity.AddKey("mesh").Key, StringComparison.Ordinal);

        var answer = await SendRawAsync("/protected", lines);

        Assert.StartsWith("HTTP/1.1 400 ", answer, StringComparison.Ordinal);
        Assert.DoesNotContain("am_", await SendRawAsync("/echo/x", lines), StringComparison.Ordinal);
        Assert.Equal(0, Exchanges);
    }

    [Fact]
    public async Task A_route_for_everybody_gets_neither_the_key_nor_its_token()
    {
        var (key, _) = Identity.AddKey("mesh");

        var answer = await gateway.Caller.GetAsync("/echo/x", key);
        Assert.Equal(200, answer.Status);
        Assert.Null(answer.ArrivedHeader("Authorization"));
        (await gateway.Caller.GetAsync("/no-such-path", key)).AssertError(404, "not_found");
        Assert.Equal(0, Exchanges);
    }

    [Fact]
    public async Task A_route_for_everybody_that_takes_the_cookie_takes_a_key_as_well()
    {
        var ((key, claims), (cookie, _)) = (Identity.AddKey("orders.read"), Identity.SignIn());

        var answer = await gateway.Caller.SendAsync(HttpMethod.Get, "/open/x", change: request =>
        {
            request.Headers.Authorization = new("Bearer", key);
            request.Headers.Add("Cookie", $"{LoneGateway.CookieName}={cookie}");
        });

        Assert.Equal(claims["sub"]!.ToString(), answer.ArrivedClaim("sub"));
        Identity.SignOut(key);
        Identity.Tell("session-ended", new { sid = claims["sid"]!.ToString() });
        await Patience.UntilAsync(async () => (await gateway.Caller.GetAsync("/open/x", key)).Status == 401);
    }

    [Theory]
    [InlineData("/protected?access_token={0}")]
    [InlineData("/protected?a=b&api_key={0}&c")]
    [InlineData("/open/x?key={0}")]
    [InlineData("/open/x?keyx{0}x")]
    [InlineData("/open/{0}")]
    [InlineData("/echo/x?{0}")]
    [InlineData("/events?access_token={0}")]
    [InlineData("/live?ACCESS_TOKEN={0}")]
    [InlineData("/no-such-path?access_token={0}")]
    public async Task A_key_in_an_address_is_refused_on_every_route(string path)
    {
        var (key, _) = Identity.AddKey("mesh");

        foreach (var form in (string[])[key, key.Replace("_", "%5F", StringComparison.Ordinal), "%61" + key[1..]])
        {
            var answer = await gateway.Caller.GetAsync(path.Replace("{0}", form, StringComparison.Ordinal), key);
            answer.AssertError(400, "invalid_request");
        }

        Assert.Equal(0, Exchanges);
    }

    [Theory]
    [InlineData("?locale=am_ET")]
    [InlineData("?am_pm=1&sort=am_total")]
    [InlineData("?key=am_0000000000000000000000000000000000000000000000000")] // a wrong checksum
    public async Task Words_that_only_begin_like_a_key_may_stand_in_an_address(string query) =>
        Assert.Equal(200, (await gateway.Caller.GetAsync("/protected" + query, Identity.AddKey("mesh").Key)).Status);

    [Fact]
    public async Task A_key_among_the_protocols_of_a_WebSocket_is_refused()
    {
        var answer = await SendRawAsync(
            "/live", $"Upgrade: websocket\r\nSec-WebSocket-Protocol: bearer, {Identity.AddKey("mesh").Key}");

        Assert.StartsWith("HTTP/1.1 400 ", answer, StringComparison.Ordinal);
        Assert.Equal(0, Exchanges);
    }

    [Fact]
    public async Task Other_credentials_beside_a_key_pass_on_a_route_for_everybody()
    {
        var (key, _) = Identity.AddKey("mesh");

        var answer = await GetAsync("/echo/x", $"Bearer eyJ.one.two, Bearer {key}, Bearer eyJ.three.am_x");

        Assert.Equal(
            ["Bearer eyJ.one.two", "Bearer eyJ.three.am_x"],
            answer.ArrivedHeader("Authorization")!.Split(',', StringSplitOptions.TrimEntries));
    }

    [Fact]
    public async Task A_key_in_basic_credentials_is_refused_and_other_basic_credentials_are_not_for_the_mesh()
    {
        var key = Identity.AddKey("mesh").Key;
        foreach (var pair in (string[])[key + ":", "user:" + key, "x:y" + key])
        {
            var header = "Basic " + Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(pair));
            foreach (var form in (string[])[header, header.TrimEnd('=')])
            {
                (await GetAsync("/protected", form)).AssertError(401, "invalid_token");
                Assert.Null((await GetAsync("/echo/x", form)).ArrivedHeader("Authorization"));
            }
        }

        Assert.Equal(0, Exchanges);
        const string AnotherUser = "Basic YW1fc21pdGg6YW1fcGFzcw"; // am_smith:am_pass
        Assert.Equal(AnotherUser, (await GetAsync("/echo/x", AnotherUser)).ArrivedHeader("Authorization"));
        var (cookie, claims) = Identity.SignIn();
        var signedIn = await gateway.Caller.SendAsync(HttpMethod.Get, "/protected", change: request =>
        {
            request.Headers.TryAddWithoutValidation("Authorization", AnotherUser);
            request.Headers.Add("Cookie", $"{LoneGateway.CookieName}={cookie}");
        });
        Assert.Equal(claims["sub"]!.ToString(), signedIn.ArrivedClaim("sub"));
    }

    [Fact]
    public async Task A_key_that_is_not_cached_counts_although_its_client_leaves()
    {
        const int Limit = 20;
        await using var limited = new LoneGateway(new()
        {
            ["Gateway:RateLimits:LimitLoopback"] = "true",
            ["Gateway:RateLimits:Anonymous:Requests"] = Limit.ToString(CultureInfo.InvariantCulture),
            ["Gateway:RateLimits:Anonymous:Window"] = "1.00:00:00",
        });
        await limited.InitializeAsync();
        var answer = new TaskCompletionSource();
        limited.Identity.BeforeAnswering(_ => answer.Task);

        // The clients leave while the identity service is asked.
        using var leaving = new CancellationTokenSource();
        using var http = new HttpClient { BaseAddress = limited.Caller.Address };
        var requests = Enumerable.Range(0, Limit).Select(_ =>
        {
            var request = new HttpRequestMessage(HttpMethod.Get, "/protected");
            request.Headers.Authorization = new("Bearer", KeyText.Create());
            return http.SendAsync(request, leaving.Token);
        }).ToList();
        await Patience.UntilAsync(() => Task.FromResult(limited.Identity.TotalExchanges == Limit));
        await leaving.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Task.WhenAll(requests));

        Assert.Equal(429, (await limited.Caller.GetAsync("/protected", KeyText.Create())).Status);
        Assert.Equal(Limit, limited.Identity.TotalExchanges);
        answer.SetResult();
    }

    [Fact]
    public async Task A_key_takes_precedence_over_a_cookie_and_a_key_in_the_cookie_is_refused()
    {
        var ((key, claims), (cookie, _)) = (Identity.AddKey("mesh"), Identity.SignIn());

        var answer = await gateway.Caller.SendAsync(HttpMethod.Get, "/protected", change: request =>
        {
            request.Headers.Authorization = new("Bearer", key);
            request.Headers.Add("Cookie", $"{LoneGateway.CookieName}={cookie}");
        });

        Assert.Equal(claims["sub"]!.ToString(), answer.ArrivedClaim("sub"));
        Assert.Equal(0, Identity.ExchangesOf(cookie));
        (await gateway.GetAsync("/protected", key)).AssertError(401, "invalid_token");
    }

    [Fact]
    public async Task A_route_for_applications_admits_their_tokens_alone()
    {
        var (_, claims) = Identity.SignIn();
        string Token(string scope, bool isOfApplication)
        {
            var own = claims.DeepClone().AsObject();
            foreach (var claim in isOfApplication ? new[] { "preferred_username", "role", "auth_time", "acr", "amr" } : [])
            {
                own.Remove(claim);
            }

            own["scope"] = scope;
            return Identity.Sign(own);
        }

        Assert.Equal(200, (await gateway.Caller.GetAsync("/services-only", Token("orders.read", true))).Status);
        (await gateway.Caller.GetAsync("/services-only", Token("other", true))).AssertError(403, "insufficient_scope");
        (await gateway.Caller.GetAsync("/services-only", Token("mesh", false)))
            .AssertError(403, "forbidden", "Only applications may do this");
        (await gateway.Caller.GetAsync("/services-only", Identity.Sign(claims))).AssertError(403, "forbidden");
        foreach (var path in (string[])["/protected", "/admin", "/account", "/users"])
        {
            (await gateway.Caller.GetAsync(path, Token("account.read", true))).AssertError(403, "forbidden", "Only users may do this");
        }
    }

    [Fact]
    public async Task Many_requests_with_one_key_cause_one_exchange()
    {
        var (key, claims) = Identity.AddKey("mesh");
        var arrived = new TaskCompletionSource();
        var answer = new TaskCompletionSource();
        Identity.BeforeAnswering(_ =>
        {
            arrived.TrySetResult();
            return answer.Task;
        });

        var requests = Enumerable.Range(0, 20).Select(_ => gateway.Caller.GetAsync("/protected", key)).ToList();
        await arrived.Task;
        answer.SetResult();

        Assert.All(await Task.WhenAll(requests), each => Assert.Equal(claims["sub"]!.ToString(), each.ArrivedClaim("sub")));
        Assert.Equal(1, Identity.ExchangesOf(key));
    }

    [Fact]
    public async Task A_revocation_takes_the_kept_token_away_and_a_new_epoch_brings_another()
    {
        var (key, claims) = Identity.AddKey("mesh");
        var token = (await gateway.Caller.GetAsync("/protected", key)).ArrivedHeader("Authorization")!["Bearer ".Length..];

        Identity.Change(key, "epoch", 1);
        Identity.Tell("user-below-epoch", new { sub = claims["sub"]!.ToString(), epoch = 1 });
        await gateway.UntilRefusedAsync(token);
        Assert.Equal("1", (await gateway.Caller.GetAsync("/protected", key)).ArrivedClaim("epoch"));

        Identity.SignOut(key);
        Identity.Tell("session-ended", new { sid = claims["sid"]!.ToString() });
        await Patience.UntilAsync(async () => (await gateway.Caller.GetAsync("/protected", key)).Status == 401);
        (await gateway.Caller.GetAsync("/protected", key)).AssertError(401, "invalid_token");
    }

    [Theory]
    [InlineData(500, "{}")]
    [InlineData(401, """{"code":"invalid_service_key"}""")]
    [InlineData(401, """{"code":"invalid_session"}""")] // the answer about a cookie
    [InlineData(404, """{"code":"not_found"}""")] // an identity service of the version before
    [InlineData(200, """{"token":"junk","expires_in":600}""")]
    [InlineData(200, "junk")]
    public async Task A_key_that_cannot_be_checked_is_503(int status, string body)
    {
        Identity.AnswerInstead(status, body);

        (await gateway.Caller.GetAsync("/protected", Identity.AddKey("mesh").Key)).AssertError(503, "sessions_unavailable");
    }

    [Fact]
    public async Task Junk_keys_of_one_network_get_429_without_a_question_to_the_identity_service()
    {
        const int Limit = 50, Sent = 5_000;
        await using var limited = new LoneGateway(new()
        {
            ["Gateway:RateLimits:LimitLoopback"] = "true",
            ["Gateway:RateLimits:Anonymous:Requests"] = Limit.ToString(CultureInfo.InvariantCulture),
            ["Gateway:RateLimits:Anonymous:Window"] = "1.00:00:00",
        });
        await limited.InitializeAsync();
        var (key, claims) = limited.Identity.AddKey("mesh");
        Assert.Equal(200, (await limited.Caller.GetAsync("/protected", key)).Status);

        var statuses = new int[Sent];
        await Parallel.ForAsync(
            0, Sent, new ParallelOptions { MaxDegreeOfParallelism = 8 },
            async (i, _) => statuses[i] = (await limited.Caller.GetAsync("/protected", KeyText.Create())).Status);

        Assert.All(statuses, status => Assert.True(status is 401 or 429, $"{status}"));
        Assert.Equal(Limit, limited.Identity.TotalExchanges);
        Assert.Equal(429, (await limited.Caller.GetAsync("/protected", "am_junk")).Status);
        Assert.Equal(claims["sub"]!.ToString(), (await limited.Caller.GetAsync("/protected", key)).ArrivedClaim("sub")); // kept
    }

    private Task<Answer> GetAsync(string path, string authorization) => gateway.Caller.SendAsync(
        HttpMethod.Get, path,
        change: request => Assert.True(request.Headers.TryAddWithoutValidation("Authorization", authorization)));

    private Task<string> SendRawAsync(string path, string headers) => RawHttp.SendAsync(
        gateway.Caller.Address, $"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n\r\n");
}
