using System.Net.Http.Json;
using System.Text;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Sessions;

public sealed class LogoutTests(ProductionMesh mesh)
{
    [Fact]
    public async Task A_bearer_token_ends_its_session_and_takes_the_cookie_away()
    {
        var (user, other) = await TwoSessionsAsync();

        var answer = await mesh.Gateway.LogoutAsync(user.Token);

        AssertLoggedOut(answer);
        await AssertOnlyFirstEndedAsync(user, other);
    }

    [Fact]
    public async Task A_refresh_token_ends_its_session()
    {
        var (user, other) = await TwoSessionsAsync();

        AssertLoggedOut(await mesh.Gateway.LogoutAsync(body: new { refresh_token = user.RefreshToken }));

        await AssertOnlyFirstEndedAsync(user, other);
    }

    [Fact]
    public async Task Both_together_end_both_sessions()
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
    public async Task A_cookie_ends_its_session_whatever_stands_beside_it(string bearer)
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
    public async Task Every_credential_of_every_kind_ends_its_own_session()
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
    public async Task A_cookie_of_a_session_that_nothing_opens_any_more_ends_it_all_the_same()
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
    public async Task An_expired_bearer_token_ends_its_session()
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
    public async Task A_refresh_token_that_was_replaced_long_ago_ends_its_session()
    {
        var (user, other) = await TwoSessionsAsync();
        var next = (await mesh.Gateway.RefreshAsync(user.RefreshToken)).RefreshToken();
        await mesh.Database.AgeStepAsync(user.SessionId, 300);
        await mesh.Gateway.RefreshAsync(next);

        AssertLoggedOut(await mesh.Gateway.LogoutAsync(body: new { refresh_token = user.RefreshToken }));

        await AssertOnlyFirstEndedAsync(user, other);
    }

    [Fact]
    public async Task Logging_out_again_and_again_is_fine_and_says_it_once_to_the_verifiers()
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
    public async Task A_token_that_is_not_ours_ends_nothing_and_is_still_200()
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
    [InlineData("application/x-www-form-urlencoded")] // a browser's form without fields
    [InlineData("text/plain")]
    public async Task Without_a_body_its_type_means_nothing(string? contentType)
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
    public async Task A_body_that_is_no_logout_is_refused_and_ends_nothing(string body, params string[] fields)
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
    public async Task A_body_of_another_type_is_refused()
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
    public async Task A_large_body_is_refused()
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
