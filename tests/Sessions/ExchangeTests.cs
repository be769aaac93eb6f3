using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Sessions;
using AuthMesh.Issuer;
using AuthMesh.Settings;
using AuthMesh.Tests.Harness;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace AuthMesh.Tests.Sessions;

/// <summary>The cookie, and what the gateway gets for it.</summary>
public sealed class ExchangeTests(ProductionMesh mesh)
{
    private const string Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    [Fact]
    public async Task A_login_gives_a_cookie_of_which_only_the_hash_is_kept()
    {
        var user = await mesh.Gateway.SignUpAsync();

        Assert.StartsWith(
            $"__Host-authmesh={user.Cookie}; max-age=7776000; path=/; secure; samesite=lax; httponly, ", user.Answer.Header("Set-Cookie"),
            StringComparison.Ordinal);
        Assert.Matches("^[A-Za-z0-9_-]{43}$", user.Cookie);
        Assert.Equal(
            System.Security.Cryptography.SHA256.HashData(System.Buffers.Text.Base64Url.DecodeFromChars(user.Cookie)),
            await mesh.Database.ScalarAsync<byte[]>("SELECT cookie_hash FROM sessions WHERE id = $1", user.SessionId));
    }

    [Theory]
    [InlineData("https://auth.example.test", "__Host-authmesh=", "; secure")]
    [InlineData("http://localhost:8080", "authmesh-8080=", "")]
    [InlineData("http://localhost", "authmesh-80=", "")]
    public void The_cookie_is_bound_to_host_and_scheme_where_that_is_possible(string issuer, string start, string secure)
    {
        var cookies = new SessionCookies(new HostCookies(Options.Create(new AuthMeshOptions { Issuer = issuer })));
        var response = new DefaultHttpContext().Response;
        var cookie = SessionCookie.Create();

        cookies.Set(response, cookie);
        cookies.Clear(response);

        Assert.Equal(
            [$"{start}{cookie.Text}; max-age=7776000; path=/{secure}; samesite=lax; httponly",
                $"{start}; max-age=0; path=/{secure}; samesite=lax; httponly"],
            response.Headers.SetCookie.AsEnumerable());
    }

    [Fact]
    public async Task A_cookie_is_traded_for_an_access_token_of_its_session_which_counts_as_use()
    {
        var user = await mesh.Gateway.SignUpAsync();
        await mesh.Database.ExecuteAsync(
            "UPDATE sessions SET last_used_at = now() - interval '13 days', expires_at = now() + interval '1 day' WHERE id = $1",
            user.SessionId);

        var answer = await mesh.Identity.ExchangeAsync(new { cookie = user.Cookie });

        Assert.Equal(200, answer.Status);
        Assert.Equal(["token", "expires_in"], answer.Json.EnumerateObject().Select(member => member.Name));
        Assert.Equal("1800", answer.Member("expires_in"));
        Assert.Equal("no-store", answer.Header("Cache-Control"));
        Assert.Equal(user.SessionId, answer.AccessToken().SessionId());
        Assert.Equal(200, (await mesh.Gateway.GetAsync("/protected", answer.Token)).Status);
        Assert.True(await mesh.Database.ScalarAsync<bool>(
            """
            SELECT last_used_at > now() - interval '1 minute' AND expires_at = last_used_at + interval '14 days'
                AND refresh_counter = 0 AND refreshed_at IS NULL FROM sessions WHERE id = $1
            """,
            user.SessionId));
    }

    [Theory]
    [InlineData("UPDATE sessions SET ended_at = now() WHERE id = $1")]
    [InlineData("UPDATE sessions SET expires_at = now() WHERE id = $1")]
    [InlineData("UPDATE sessions SET epoch = 1 WHERE id = $1")]
    [InlineData("UPDATE users SET epoch = 1 WHERE id = (SELECT user_id FROM sessions WHERE id = $1)")]
    [InlineData("UPDATE users SET disabled_at = now() WHERE id = (SELECT user_id FROM sessions WHERE id = $1)")]
    [InlineData("DELETE FROM sessions WHERE id = $1")]
    public async Task The_cookie_of_a_session_that_is_not_live_is_refused(string kill)
    {
        var service = await mesh.Gateway.SignUpAsync();
        var user = await mesh.Gateway.SignUpAsync();
        Assert.Equal(200, (await mesh.Identity.ExchangeAsync(new { cookie = user.Cookie })).Status);

        Assert.Equal(1, await mesh.Database.ExecuteAsync(kill, user.SessionId));

        var answer = await mesh.Identity.ExchangeAsync(new { cookie = user.Cookie });
        answer.AssertError(401, "invalid_session");
        Assert.Null(answer.Cookie()); // whether to take it away is not decided here
    }

    [Fact]
    public async Task No_token_outlives_the_session_that_a_cookie_names()
    {
        var user = await mesh.Gateway.SignUpAsync();
        await mesh.Database.ExecuteAsync(
            "UPDATE sessions SET created_at = now() - interval '89 days 23:50:00' WHERE id = $1", user.SessionId);

        var answer = await mesh.Identity.ExchangeAsync(new { cookie = user.Cookie });

        Assert.InRange(int.Parse(answer.Member("expires_in")!, System.Globalization.CultureInfo.InvariantCulture), 540, 600);
        Assert.True(
            answer.AccessToken()
            .ValidTo <= await mesh.Database.ScalarAsync<DateTime>("SELECT expires_at FROM sessions WHERE id = $1", user.SessionId));
    }

    [Fact]
    public async Task Any_other_text_is_no_cookie()
    {
        var user = await mesh.Gateway.SignUpAsync();
        var cookie = user.Cookie;
        string[] others =
        [
            "", "x", new string('A', 43), cookie + "=", cookie + "A", cookie[..^1], " " + cookie, cookie + "\n", cookie.ToUpperInvariant(),
            new string('A', 10_000),
            .. Enumerable.Range(1, 3)
            .Select(bits => cookie[..^1] + Alphabet[Alphabet.IndexOf(cookie[^1], StringComparison.Ordinal) ^ bits]), user.Token,
            user.RefreshToken, "\0", user.SessionId.ToString(),
        ];

        foreach (var other in others)
        {
            (await mesh.Identity.ExchangeAsync(new { cookie = other })).AssertError(401, "invalid_session");
        }

        Assert.Equal(200, (await mesh.Identity.ExchangeAsync(new { cookie })).Status);
    }

    [Theory]
    [InlineData("{}", "cookie")]
    [InlineData("""{"cookie":null}""", "cookie")]
    [InlineData("""{"cookie":1}""", "cookie")]
    [InlineData("""{"cookie":"x","more":1}""", "more")]
    public async Task A_body_without_a_cookie_says_so(string body, string member)
    {
        var answer = await mesh.Identity.SendAsync(
            HttpMethod.Post, "/internal/exchange",
            new StringContent(body, new System.Net.Http.Headers.MediaTypeHeaderValue("application/json")),
            request => request.Headers.Add(IssuerConnection.ServiceKeyHeader, ProductionMesh.ServiceKey));

        answer.AssertError(400, "invalid_request", fields: member);
    }

    [Fact]
    public async Task The_gateway_leads_nobody_there_and_nobody_is_let_in_without_a_credential()
    {
        var user = await mesh.Gateway.SignUpAsync();

        (await mesh.Gateway.ExchangeAsync(new { cookie = user.Cookie })).AssertError(404, "not_found");
        (await mesh.Identity.PostAsync("/internal/exchange", new { cookie = user.Cookie })).AssertError(401, "invalid_service_key");
        (await mesh.Identity.CallAsync(HttpMethod.Post, "/internal/exchange", user.Token, new { cookie = user.Cookie }))
            .AssertError(401, "invalid_service_key");
        (await mesh.Identity.ExchangeAsync(new { cookie = user.Cookie }, ProductionMesh.ServiceKey + "x"))
            .AssertError(401, "invalid_service_key");
    }
}
