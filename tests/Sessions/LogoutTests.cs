using System.Net.Http.Json;
using System.Text;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Sessions;

public sealed class LogoutTests(ProductionMesh mesh)
{
    [Fact]
    public async Task A_logout_with_a_bearer_token_ends_its_session_and_clears_the_cookie()
    {
        var (user, other) = await TwoSessionsAsync();

        var answer = await mesh.Gateway.LogoutAsync(user.Token);

        AssertLoggedOut(answer);
        await AssertOnlyFirstEndedAsync(user, other);
    }

    [Fact]
    public async Task A_logout_with_a_refresh_token_ends_its_session()
    {
        var (user, other) = await TwoSessionsAsync();

        AssertLoggedOut(await mesh.Gateway.LogoutAsync(body: new { refresh_token = user.RefreshToken }));

        await AssertOnlyFirstEndedAsync(user, other);
    }

    [Fact]
    public async Task A_logout_with_a_bearer_token_and_a_refresh_token_ends_both_sessions()
    {
        var (user, other) = await TwoSessionsAsync();

        AssertLoggedOut(await mesh.Gateway.LogoutAsync(user.Token, new { refresh_token = other.RefreshToken }));

        Assert.True(await mesh.Database.HasEndedAsync(user.SessionId));
        Assert.True(await mesh.Database.HasEndedAsync(other.SessionId));
    }

    [Theory]
    [InlineData("junk")]
    [InlineData("eyJhbGciOiJFUzI1NiIsImtpZCI6Ingi.e30.AAAA")]
    [InlineData("FOREIGN")]
    [InlineData("")]
    public async Task A_logout_with_a_cookie_ends_its_session_despite_invalid_credentials_beside_it(string bearer)
    {
        var (user, other) = await TwoSessionsAsync();
        var foreign = other.Token[..^8] + "AAAAAAAA";

        var answer = await mesh.Gateway.SendAsync(
            HttpMethod.Post, "/logout", JsonContent.Create(new { refresh_token = "junk" }), request =>
            {
                request.Headers.Add("Cookie", $"theme=dark; __Host-authmesh={user.Cookie}; __Host-authmesh=junk");
                request.Headers.TryAddWithoutValidation(
                    "Authorization", "Bearer " + bearer.Replace("FOREIGN", foreign, StringComparison.Ordinal));
            });

        AssertLoggedOut(answer);
        await AssertOnlyFirstEndedAsync(user, other);
    }

    [Fact]
    public async Task A_logout_ends_the_session_of_every_credential_in_the_request()
    {
        var first = await mesh.Gateway.SignUpAsync();
        var sessions = new List<SignedIn> { first };
        for (var i = 0; i < 5; i++)
        {
            sessions.Add(await mesh.Gateway.SignInAgainAsync(first));
        }

        var answer = await mesh.Gateway.SendAsync(
            HttpMethod.Post, "/logout", JsonContent.Create(new { refresh_token = sessions[0].RefreshToken }), request =>
            {
                request.Headers.TryAddWithoutValidation(
                    "Authorization", ["Bearer " + sessions[1].Token, "Basic YTpi", "bearer  " + sessions[2].Token]);
                request.Headers.Add("Cookie", $"__Host-authmesh={sessions[3].Cookie}; __Host-authmesh={sessions[4].Cookie}");
            });

        AssertLoggedOut(answer);
        foreach (var session in sessions)
        {
            Assert.Equal(session != sessions[5], await mesh.Database.HasEndedAsync(session.SessionId));
        }
    }

    [Fact]
    public async Task A_logout_with_a_disabled_users_cookie_still_ends_the_session()
    {
        var user = await mesh.Gateway.SignUpAsync();
        await mesh.Database.ExecuteAsync("UPDATE users SET disabled_at = now() WHERE id = $1", user.UserId);

        for (var i = 0; i < 2; i++)
        {
            AssertLoggedOut(await mesh.Gateway.SendAsync(
                HttpMethod.Post, "/logout", change: request => request.Headers.Add("Cookie", "__Host-authmesh=" + user.Cookie)));
        }

        Assert.True(await mesh.Database.HasEndedAsync(user.SessionId));
    }

    [Fact]
    public async Task A_logout_with_an_expired_bearer_token_ends_its_session()
    {
        var (user, other) = await TwoSessionsAsync();
        var claims = Forge.Claims();
        (claims["sub"], claims["sid"]) = (user.UserId.ToString(), user.SessionId.ToString());
        (claims["iat"], claims["exp"]) = (claims["iat"]!.GetValue<long>() - 7200, claims["iat"]!.GetValue<long>() - 3600);
        var expired = mesh.Forge.Sign(mesh.Forge.Header(), claims);
        Assert.Equal(401, (await mesh.Gateway.GetAsync("/protected", expired)).Status);

        AssertLoggedOut(await mesh.Gateway.LogoutAsync(expired));

        await AssertOnlyFirstEndedAsync(user, other);
    }

    [Fact]
    public async Task A_logout_with_a_refresh_token_from_before_a_rotation_ends_its_session()
    {
        var (user, other) = await TwoSessionsAsync();
        var next = (await mesh.Gateway.RefreshAsync(user.RefreshToken)).RefreshToken();
        await mesh.Database.AgeStepAsync(user.SessionId, 300);
        await mesh.Gateway.RefreshAsync(next);

        AssertLoggedOut(await mesh.Gateway.LogoutAsync(body: new { refresh_token = user.RefreshToken }));

        await AssertOnlyFirstEndedAsync(user, other);
    }

    [Fact]
    public async Task Repeated_logouts_succeed_and_write_one_revocation()
    {
        var user = await mesh.Gateway.SignUpAsync();

        for (var i = 0; i < 3; i++)
        {
            AssertLoggedOut(await mesh.Gateway.LogoutAsync(user.Token, new { refresh_token = user.RefreshToken }));
        }

        Assert.Equal(1, await mesh.Database.ScalarAsync<long>(
            "SELECT count(*) FROM revocations WHERE kind = 'session-ended' AND subject = $1", user.SessionId.ToString()));
    }

    [Fact]
    public async Task A_logout_with_an_invalid_credential_ends_nothing_and_answers_200()
    {
        var user = await mesh.Gateway.SignUpAsync();
        var foreign = user.Token[..^8] + "AAAAAAAA";
        var changed = user.RefreshToken[..^8] + "AAAAAAAA";

        AssertLoggedOut(await mesh.Gateway.LogoutAsync(foreign));
        AssertLoggedOut(await mesh.Gateway.LogoutAsync(body: new { refresh_token = changed }));
        AssertLoggedOut(await mesh.Gateway.LogoutAsync("nonsense", new { refresh_token = "nonsense" }));
        AssertLoggedOut(await mesh.Gateway.SendAsync(
            HttpMethod.Post, "/logout", change: request => request.Headers.Add("Cookie", "__Host-authmesh=" + user.Cookie[..^3] + "AAA")));
        AssertLoggedOut(await mesh.Gateway.LogoutAsync());

        Assert.Equal(200, (await mesh.Gateway.RefreshAsync(user.RefreshToken)).Status);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("application/json")]
    [InlineData("application/x-www-form-urlencoded")] // an HTML form without fields
    [InlineData("text/plain")]
    public async Task A_logout_without_a_body_may_have_any_content_type(string? contentType)
    {
        var user = await mesh.Gateway.SignUpAsync();
        foreach (var isChunked in (bool[])[false, true])
        {
            var answer = await mesh.Gateway.SendAsync(
                HttpMethod.Post, "/logout",
                new ByteArrayContent([]) { Headers = { ContentType = contentType is null ? null : new(contentType) } },
                request =>
                {
                    request.Headers.Authorization = new("Bearer", user.Token);
                    request.Headers.TransferEncodingChunked = isChunked;
                });

            AssertLoggedOut(answer);
        }

        Assert.True(await mesh.Database.HasEndedAsync(user.SessionId));
    }

    [Theory]
    [InlineData("{")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData(" ")]
    [InlineData("{}x")]
    [InlineData("""{"refresh_token":1}""", "refresh_token")]
    [InlineData("""{"refresh_token":"x","refresh_token":"x"}""", "refresh_token")]
    [InlineData("""{"session":"x"}""", "session")]
    public async Task A_malformed_logout_body_is_refused_and_ends_nothing(string body, params string[] fields)
    {
        var user = await mesh.Gateway.SignUpAsync();

        var answer = await mesh.Gateway.SendAsync(
            HttpMethod.Post, "/logout", new StringContent(body, new System.Net.Http.Headers.MediaTypeHeaderValue("application/json")),
            request => request.Headers.Authorization = new("Bearer", user.Token));

        answer.AssertError(400, "invalid_request", fields: fields);
        Assert.Null(answer.Cookie());
        Assert.False(await mesh.Database.HasEndedAsync(user.SessionId));
    }

    [Fact]
    public async Task A_logout_body_of_another_content_type_is_refused()
    {
        (await mesh.Gateway.PostRawAsync("/logout", "refresh_token=x", "application/x-www-form-urlencoded"))
            .AssertError(415, "unsupported_media_type");
        (await mesh.Gateway.PostRawAsync("/logout", """{"refresh_token":"x"}""", "application/json; charset=utf-16"))
            .AssertError(415, "unsupported_media_type");
        AssertLoggedOut(await mesh.Gateway.PostRawAsync("/logout", """{"refresh_token":"x"}""", "application/json; charset=utf-8"));
        AssertLoggedOut(await mesh.Gateway.PostRawAsync("/logout", """{"refresh_token":null}"""));
        AssertLoggedOut(await mesh.Gateway.PostRawAsync("/logout", "{}"));
    }

    [Fact]
    public async Task A_large_logout_body_is_refused()
    {
        var content = new StringContent($$"""{"refresh_token":"{{new string('x', 100_000)}}"}""", Encoding.UTF8, "application/json");

        (await mesh.Identity.SendAsync(HttpMethod.Post, "/logout", content)).AssertError(413, "body_too_large");
    }

    private async Task<(SignedIn User, SignedIn Other)> TwoSessionsAsync()
    {
        var user = await mesh.Gateway.SignUpAsync();
        return (user, await mesh.Gateway.SignInAgainAsync(user));
    }

    private static void AssertLoggedOut(Answer answer)
    {
        Assert.Equal("""200 {"status":"success","message":"Logged out successfully"}""", answer.ToString());
        Assert.Equal("no-store", answer.Header("Cache-Control"));
        Assert.Equal("__Host-authmesh=; max-age=0; path=/; secure; samesite=lax; httponly", answer.Header("Set-Cookie"));
    }

    private async Task AssertOnlyFirstEndedAsync(SignedIn user, SignedIn other)
    {
        Assert.True(await mesh.Database.IsRevokedAsync(user.Answer.AccessToken()));
        Assert.False(await mesh.Database.IsRevokedAsync(other.Answer.AccessToken()));
        (await mesh.Gateway.RefreshAsync(user.RefreshToken)).AssertError(401, "invalid_refresh_token");
        (await mesh.Identity.GetAsync("/account", user.Token)).AssertError(401, "invalid_token");
        Assert.Equal(200, (await mesh.Gateway.RefreshAsync(other.RefreshToken)).Status);
        Assert.Equal(200, (await mesh.Gateway.GetAsync("/account", other.Token)).Status);
    }
}
