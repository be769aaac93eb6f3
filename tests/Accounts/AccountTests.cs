using System.Text.Json;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;

namespace AuthMesh.Tests.Accounts;

public sealed class AccountTests(ProductionMesh mesh)
{
    [Fact]
    public async Task The_account_shows_the_callers_id_name_role_and_creation_time()
    {
        var user = await mesh.Gateway.SignUpAsync();

        var answer = await mesh.Gateway.GetAsync("/account", user.Token);

        Assert.Equal(200, answer.Status);
        Assert.Equal(
            [
                "status", "message", "id", "username", "email", "email_verified", "requested_email", "role", "created_at", "has_password",
                "two_step", "totp", "recovery_codes", "passkeys",
            ],
            answer.Json.EnumerateObject().Select(member => member.Name));
        Assert.Equal(
            ("True", "False", "False", "0"),
            (answer.Member("has_password"), answer.Member("two_step"), answer.Member("totp"), answer.Member("recovery_codes")));
        Assert.Equal($"You are signed in as {user.Username}", answer.Message);
        Assert.Equal(user.UserId.ToString(), answer.Member("id"));
        Assert.Equal(user.Username, answer.Member("username"));
        Assert.Equal("user", answer.Member("role"));
        Assert.Equal("no-store", answer.Header("Cache-Control"));
        Assert.Equal(
            await mesh.Database.ScalarAsync<DateTime>("SELECT created_at FROM users WHERE id = $1", user.UserId),
            answer.Json.GetProperty("created_at").GetDateTimeOffset().UtcDateTime);
    }

    public static TheoryData<string, string> Dead => new(
        from how in new[]
        {
            "UPDATE sessions SET ended_at = now() WHERE id = $1",
            "UPDATE sessions SET expires_at = now() WHERE id = $1",
            "UPDATE users SET epoch = epoch + 1 WHERE id = (SELECT user_id FROM sessions WHERE id = $1)",
            "UPDATE users SET disabled_at = now() WHERE id = (SELECT user_id FROM sessions WHERE id = $1)",
            // The session continues in a new epoch, but the token has the old one.
            """
            WITH u AS (UPDATE users SET epoch = epoch + 1 WHERE id = (SELECT user_id FROM sessions WHERE id = $1) RETURNING epoch)
            UPDATE sessions SET epoch = u.epoch FROM u WHERE id = $1
            """,
            "DELETE FROM sessions WHERE id = $1",
            "DELETE FROM users WHERE id = (SELECT user_id FROM sessions WHERE id = $1)",
        }
        from call in new[]
        {
            "GET /account", "POST /account/reauthenticate", "POST /account/password", "POST /account/email", "DELETE /account/email",
            "DELETE /account", "GET /account/sessions", "DELETE /account/sessions", "DELETE /account/sessions/OTHER",
            "DELETE /account/sessions/OWN", "POST /account/totp", "POST /account/totp/confirm", "DELETE /account/totp",
            "POST /account/recovery-codes", "POST /account/two-step", "DELETE /account/trusted-devices",
        }
        select (how, call));

    [Theory]
    [MemberData(nameof(Dead))]
    public async Task Every_account_endpoint_refuses_a_token_whose_session_or_epoch_has_ended(string how, string call)
    {
        var user = await mesh.Gateway.SignUpAsync();
        var other = await mesh.Gateway.SignInAgainAsync(user);
        Assert.Equal(1, await mesh.Database.ExecuteAsync(how, user.SessionId));
        var before = await RowsAsync(user);

        // Asks the identity service itself, which does not depend on the feed.
        var (method, path) = (call.Split(' ')[0], call.Split(' ')[1].Replace("OTHER", other.SessionId.ToString(), StringComparison.Ordinal)
            .Replace("OWN", user.SessionId.ToString(), StringComparison.Ordinal));
        object? body = call switch
        {
            "POST /account/reauthenticate" => new { password = user.Password },
            "POST /account/password" => new { current_password = user.Password, new_password = "another password" },
            "POST /account/email" => new { email = "carol@example.test" },
            "DELETE /account" => new { current_password = user.Password },
            "POST /account/totp/confirm" => new { code = "123456" },
            "POST /account/two-step" => new { enabled = true },
            _ => null,
        };
        var answer = await mesh.Identity.CallAsync(new HttpMethod(method), path, user.Token, body);

        answer.AssertError(401, "invalid_token", "Invalid or expired token");
        Assert.Equal(
            "Bearer realm=\"authmesh\", error=\"invalid_token\", error_description=\"Invalid or expired token\"",
            answer.Header("WWW-Authenticate"));
        Assert.Equal(before, await RowsAsync(user));
    }

    [Theory]
    [InlineData("GET", "/account")]
    [InlineData("POST", "/account/reauthenticate")]
    [InlineData("POST", "/account/password")]
    [InlineData("DELETE", "/account")]
    [InlineData("GET", "/account/sessions")]
    [InlineData("DELETE", "/account/sessions")]
    [InlineData("DELETE", "/account/sessions/01a206df-fd48-7e5c-bf0e-4b06949bffdd")]
    [InlineData("POST", "/account/totp")]
    [InlineData("POST", "/account/totp/confirm")]
    [InlineData("DELETE", "/account/totp")]
    [InlineData("POST", "/account/recovery-codes")]
    [InlineData("POST", "/account/two-step")]
    [InlineData("DELETE", "/account/trusted-devices")]
    public async Task Every_account_endpoint_refuses_a_call_without_a_token(string method, string path)
    {
        foreach (var service in new[] { mesh.Gateway, mesh.Identity })
        {
            (await service.CallAsync(new HttpMethod(method), path, token: null)).AssertError(401, "missing_token");
        }
    }

    [Fact]
    public async Task Deleting_an_account_removes_its_sessions_and_frees_its_name()
    {
        var user = await mesh.Gateway.SignUpAsync();
        var other = await mesh.Gateway.SignInAgainAsync(user);

        var answer = await mesh.Gateway.DeleteAccountAsync(user.Token, user.Password);

        Assert.Equal("""200 {"status":"success","message":"Account deleted"}""", answer.ToString());
        Assert.Equal("", answer.Cookie());
        Assert.Equal(0, await mesh.Database.ScalarAsync<long>("SELECT count(*) FROM users WHERE id = $1", user.UserId));
        Assert.Equal(0, await mesh.Database.ScalarAsync<long>("SELECT count(*) FROM sessions WHERE user_id = $1", user.UserId));
        Assert.Equal(401, (await mesh.Gateway.LoginAsync(user.Username, user.Password)).Status);
        foreach (var session in new[] { user, other })
        {
            (await mesh.Gateway.RefreshAsync(session.RefreshToken)).AssertError(401, "invalid_refresh_token");
            (await mesh.Identity.GetAsync("/account", session.Token)).AssertError(401, "invalid_token");
            Assert.True(await mesh.Database.IsRevokedAsync(session.Answer.AccessToken()));
        }

        Assert.Equal(200, (await mesh.Gateway.RegisterAsync(user.Username, user.Password)).Status);
        var successor = await mesh.Gateway.SignInAgainAsync(user);
        Assert.NotEqual(user.UserId, successor.UserId);
        // the old owner's token does not open the new account
        (await mesh.Identity.GetAsync("/account", user.Token)).AssertError(401, "invalid_token");
    }

    [Fact]
    public async Task A_wrong_password_does_not_delete_an_account()
    {
        var user = await mesh.Gateway.SignUpAsync();

        foreach (var wrong in (string[])["not the password", user.Password + "x", user.Password[..^1], "x", new string('x', 300)])
        {
            (await mesh.Gateway.DeleteAccountAsync(user.Token, wrong)).AssertError(403, "wrong_password", "The current password is wrong");
        }

        Assert.Equal(200, (await mesh.Gateway.RefreshAsync(user.RefreshToken)).Status);
        Assert.Equal(200, (await mesh.Gateway.DeleteAccountAsync(user.Token, user.Password)).Status);
    }

    [Theory]
    [InlineData("", "")]
    [InlineData("{}", "current_password")]
    [InlineData("""{"current_password":null}""", "current_password")]
    [InlineData("""{"current_password":""}""", "current_password")]
    [InlineData("""{"current_password":1}""", "current_password")]
    [InlineData("""{"current_password":"a\ud800"}""", "current_password")]
    [InlineData("""{"current_password":"x","sure":true}""", "sure")]
    public async Task A_body_without_a_valid_password_does_not_delete_an_account(string body, string member)
    {
        var user = await mesh.Gateway.SignUpAsync();

        var answer = await mesh.Gateway.SendAsync(
            HttpMethod.Delete, "/account", new StringContent(body, new System.Net.Http.Headers.MediaTypeHeaderValue("application/json")),
            request => request.Headers.Authorization = new("Bearer", user.Token));

        answer.AssertError(400, "invalid_request", fields: member.Length > 0 ? [member] : []);
        Assert.Equal(200, (await mesh.Gateway.GetAsync("/account", user.Token)).Status);
    }

    private async Task<string> RowsAsync(SignedIn user) =>
        await mesh.Database.ScalarAsync<string>("SELECT coalesce(string_agg(u::text, ''), '') FROM users u WHERE id = $1", user.UserId)
        + await mesh.Database.ScalarAsync<string>(
            "SELECT coalesce(string_agg(s::text, '' ORDER BY id), '') FROM sessions s WHERE user_id = $1", user.UserId);
}
