using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Sessions;
using AuthMesh.Issuer;
using AuthMesh.Settings;
using AuthMesh.Tests.Harness;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace AuthMesh.Tests.Sessions;

/// <summary>The session cookie, and its exchange for an access token.</summary>
public sealed class ExchangeTests(ProductionMesh mesh)
{
    private const string Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    [Fact]
    public async Task A_login_sets_a_cookie_and_stores_only_its_hash()
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
    public void The_cookie_is_bound_to_the_host_on_https_and_to_the_port_on_plain_http(string issuer, string start, string secure)
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
    public async Task Exchanging_a_cookie_returns_an_access_token_and_counts_as_use_of_the_session()
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
        var user = await mesh.Gateway.SignUpAsync();
        Assert.Equal(200, (await mesh.Identity.ExchangeAsync(new { cookie = user.Cookie })).Status);

        Assert.Equal(1, await mesh.Database.ExecuteAsync(kill, user.SessionId));

        var answer = await mesh.Identity.ExchangeAsync(new { cookie = user.Cookie });
        answer.AssertError(401, "invalid_session");
        Assert.Null(answer.Cookie()); // the exchange does not decide whether to clear the cookie
    }

    [Fact]
    public async Task A_token_from_an_exchange_does_not_outlive_its_session()
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
    public async Task Any_text_other_than_the_exact_cookie_is_refused()
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
    public async Task A_malformed_exchange_body_names_the_wrong_member(string body, string member)
    {
        var answer = await mesh.Identity.SendAsync(
            HttpMethod.Post, "/internal/exchange",
            new StringContent(body, new System.Net.Http.Headers.MediaTypeHeaderValue("application/json")),
            request => request.Headers.Add(IssuerConnection.ServiceKeyHeader, ProductionMesh.ServiceKey));

        answer.AssertError(400, "invalid_request", fields: member);
    }

    [Fact]
    public async Task The_gateway_does_not_expose_the_exchange_and_the_service_key_is_required()
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
