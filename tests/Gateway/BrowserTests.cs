using System.Text.Json;
using System.Text.RegularExpressions;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Gateway;

/// <summary>The flows of a browser user, with every service real.</summary>
public sealed partial class BrowserTests(ProductionMesh mesh)
{
    [Fact]
    public async Task Signing_in_sets_a_cookie_that_alone_grants_the_accounts_access()
    {
        var (name, password, _) = await mesh.SignUpAsync();
        var browser = new Browser(mesh.Gateway);

        Assert.Equal(200, (await browser.PostAsync("/login", new { username = name, password })).Status);

        Assert.Equal(2, browser.SetCookies.Count);
        foreach (var (setCookie, pair, maxAge) in new[]
        {
            (browser.SetCookies[0], "^__Host-authmesh=[A-Za-z0-9_-]{43}$", "max-age=7776000"),
            (browser.SetCookies[1], "^__Host-authmesh-device=[A-Za-z0-9_-]{98}$", "max-age=34560000"),
        })
        {
            var attributes = setCookie.Split("; ");
            Assert.Matches(pair, attributes[0]);
            Assert.Equal(
                ["httponly", maxAge, "path=/", "samesite=lax", "secure"],
                attributes.Skip(1).Select(attribute => attribute.ToLowerInvariant()).Order(StringComparer.Ordinal));
        }

        var answer = await browser.GetAsync("/protected");
        Assert.Equal((200, $"You are viewing protected content, {name}!"), (answer.Status, answer.Message));
        Assert.Contains("no-store", answer.Header("Cache-Control"), StringComparison.Ordinal);
        Assert.Equal($"You are signed in as {name}", (await browser.GetAsync("/account")).Message);
        (await browser.GetAsync("/admin")).AssertError(403, "forbidden", "Admin access required");

        browser.Cookie = browser.Cookie![..^3] + "AAA";
        (await browser.GetAsync("/protected")).AssertError(401, "invalid_token");
        (await browser.GetAsync("/account")).AssertError(401, "invalid_token");
        browser.Cookie = null;
        (await browser.GetAsync("/protected")).AssertError(401, "missing_token");
    }

    [Fact]
    public async Task Logging_out_ends_the_cookie_at_once_and_can_be_repeated()
    {
        var browser = await SignInAsync();
        var cookie = browser.Cookie;
        Assert.Equal(200, (await browser.GetAsync("/protected")).Status);

        var answer = await browser.PostAsync("/logout");

        Assert.Equal((200, "Logged out successfully"), (answer.Status, answer.Message));
        Assert.Null(browser.Cookie);
        foreach (var path in new[] { "/protected", "/account", "/account/sessions" })
        {
            browser.Cookie = cookie;
            var refused = await browser.GetAsync(path);
            refused.AssertError(401, "invalid_token");
            Assert.Null(refused.Header("Set-Cookie"));
        }

        foreach (var brought in new[] { cookie, "__Host-authmesh=junk", cookie + "; " + cookie, null })
        {
            browser.Cookie = brought;
            Assert.Equal((200, "Logged out successfully"), ((await browser.PostAsync("/logout")).Status, answer.Message));
            Assert.Null(browser.Cookie); // a logout clears even a cookie without a session
        }
    }

    [Fact]
    public async Task A_password_change_keeps_only_this_browser_signed_in()
    {
        var (name, password, _) = await mesh.SignUpAsync();
        var (here, elsewhere) = (await SignInAsync(name, password), await SignInAsync(name, password));
        Assert.Equal(200, (await here.GetAsync("/protected")).Status);
        Assert.Equal(200, (await elsewhere.GetAsync("/protected")).Status);
        var before = here.Cookie;

        Assert.Equal(
            200, (await here.PostAsync("/account/password", new { current_password = password, new_password = "a new password" })).Status);

        Assert.NotEqual(before, here.Cookie);
        Assert.Equal(200, (await here.GetAsync("/protected")).Status);
        await Patience.UntilAsync(async () => (await elsewhere.GetAsync("/protected")).Status == 401);
        Assert.NotNull(elsewhere.Cookie);
        here.Cookie = before;
        (await here.GetAsync("/protected")).AssertError(401, "invalid_token");
    }

    [Fact]
    public async Task A_browser_can_sign_out_the_other_browsers()
    {
        var (name, password, _) = await mesh.SignUpAsync();
        var (here, elsewhere) = (await SignInAsync(name, password), await SignInAsync(name, password));
        Assert.Equal(200, (await elsewhere.GetAsync("/protected")).Status);

        Assert.Equal(200, (await here.SendAsync(HttpMethod.Delete, "/account/sessions")).Status);

        await Patience.UntilAsync(async () => (await elsewhere.GetAsync("/protected")).Status == 401);
        (await elsewhere.GetAsync("/protected")).AssertError(401, "invalid_token");
        Assert.Equal(200, (await here.GetAsync("/protected")).Status);
    }

    [Fact]
    public async Task No_cookie_holds_a_token_and_no_body_holds_a_cookie()
    {
        var (name, password, _) = await mesh.SignUpAsync();
        var browser = new Browser(mesh.Gateway);

        var login = await browser.PostAsync("/login", new { username = name, password });
        var answers = new List<Answer>
        {
            login,
            await browser.PostAsync("/refresh", new { refresh_token = login.Member("refresh_token") }),
            await browser.GetAsync("/protected"),
            await browser.GetAsync("/admin"),
            await browser.GetAsync("/account"),
            await browser.GetAsync("/account/sessions"),
            await browser.PostAsync("/account/password", new { current_password = password, new_password = "a new password" }),
            await browser.PostAsync("/login", new { username = name, password = "a new password" }),
            await browser.PostAsync("/logout"),
            await browser.GetAsync("/protected"),
        };

        Assert.Equal([200, 200, 200, 403, 200, 200, 200, 200, 200, 401], answers.Select(answer => answer.Status));
        Assert.Equal(7, browser.SetCookies.Count); // two each for two logins and the password, one for the logout
        foreach (var setCookie in browser.SetCookies)
        {
            Assert.Matches("^__Host-authmesh(=([A-Za-z0-9_-]{43})?|-device=[A-Za-z0-9_-]{98});", setCookie);
            var value = setCookie.Split(';')[0].Split('=')[1];
            Assert.All(answers, answer => Assert.False(value.Length > 0 && answer.Text.Contains(value, StringComparison.Ordinal)));
        }

        var tokens = answers.SelectMany(answer => Token().Matches(answer.Text).Select(match => match.Value)).ToList();
        Assert.NotEmpty(tokens);
        var headers = string.Join('\n', answers.SelectMany(answer => answer.Headers).SelectMany(header => header.Value));
        Assert.All(tokens, token => Assert.DoesNotContain(token, headers, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_cross_site_login_is_refused_and_starts_no_session()
    {
        var (name, password, _) = await mesh.SignUpAsync();
        var before = await SessionsOfAsync(name);

        var answer = await mesh.Gateway.SendAsync(
            HttpMethod.Post, "/login",
            new StringContent(JsonSerializer.Serialize(new { username = name, password }), null, "application/json"),
            request => request.Headers.Add("Sec-Fetch-Site", "cross-site"));

        answer.AssertError(403, "cross_origin", "Cross-origin request refused");
        Assert.Null(answer.Header("Set-Cookie"));
        Assert.Equal(before, await SessionsOfAsync(name));
        await SignInAsync(name, password);
        Assert.Equal(before + 1, await SessionsOfAsync(name));
    }

    [Fact]
    public async Task A_session_records_the_client_address_that_the_gateway_saw()
    {
        var (name, password, _) = await mesh.SignUpAsync();

        Assert.Contains(await NetworkAsync(mesh.Gateway, null), new[] { "127.0.0.1", "::1" });
        Assert.Contains(await NetworkAsync(mesh.Gateway, ProductionMesh.ServiceKey), new[] { "127.0.0.1", "::1" });
        Assert.Equal("", await NetworkAsync(mesh.Identity, null));
        Assert.Equal("", await NetworkAsync(mesh.Identity, "guess"));
        Assert.Equal("203.0.113.7", await NetworkAsync(mesh.Identity, ProductionMesh.ServiceKey));

        async Task<string> NetworkAsync(Caller at, string? serviceKey)
        {
            var answer = await at.SendAsync(
                HttpMethod.Post, "/login",
                new StringContent(JsonSerializer.Serialize(new { username = name, password }), null, "application/json"),
                request =>
                {
                    request.Headers.Add("X-Forwarded-For", "203.0.113.7");
                    if (serviceKey is not null)
                    {
                        request.Headers.Add("AuthMesh-Service-Key", serviceKey);
                    }
                });
            Assert.Equal(200, answer.Status);
            return await mesh.Database.ScalarAsync<string>(
                "SELECT network FROM sessions s JOIN users u ON u.id = s.user_id WHERE u.username = $1 ORDER BY s.created_at DESC LIMIT 1",
                name);
        }
    }

    [Fact]
    public async Task Concurrent_browsers_each_see_their_own_account()
    {
        var people = await Task.WhenAll(Enumerable.Range(0, 10).Select(async _ =>
        {
            var (name, password, _) = await mesh.SignUpAsync();
            return (Name: name, Browser: await SignInAsync(name, password));
        }));

        await Task.WhenAll(Enumerable.Range(0, 20).SelectMany(_ => people).Select(async person =>
        {
            Assert.Equal($"You are viewing protected content, {person.Name}!", (await person.Browser.GetAsync("/protected")).Message);
            Assert.Equal(person.Name, (await person.Browser.GetAsync("/account")).Member("username"));
        }));
    }

    [GeneratedRegex("[A-Za-z0-9_-]{50,}")] // each part of a JWT, and a refresh token
    private static partial Regex Token();

    private async Task<Browser> SignInAsync()
    {
        var (name, password, _) = await mesh.SignUpAsync();
        return await SignInAsync(name, password);
    }

    private async Task<Browser> SignInAsync(string username, string password)
    {
        var browser = new Browser(mesh.Gateway);
        Assert.Equal(200, (await browser.PostAsync("/login", new { username, password })).Status);
        return browser;
    }

    private Task<long> SessionsOfAsync(string username) => mesh.Database.ScalarAsync<long>(
        "SELECT count(*) FROM sessions s JOIN users u ON u.id = s.user_id WHERE u.username = $1", username);
}
