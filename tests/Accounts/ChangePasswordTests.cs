using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;

namespace AuthMesh.Tests.Accounts;

public sealed class ChangePasswordTests(ProductionMesh mesh)
{
    private const string NewPassword = "another password";

    [Fact]
    public async Task A_password_change_continues_this_session_and_ends_all_others()
    {
        var user = await mesh.Gateway.SignUpAsync();
        var other = await mesh.Gateway.SignInAgainAsync(user);

        var answer = await mesh.Gateway.ChangePasswordAsync(user.Token, user.Password, NewPassword);

        // 1. The answer is like a login's, for the same session in a new epoch.
        Assert.Equal(200, answer.Status);
        Assert.Equal("Password changed", answer.Message);
        Assert.Equal(
            user.Answer.Json.EnumerateObject().Select(member => member.Name), answer.Json.EnumerateObject().Select(member => member.Name));
        Assert.Equal("no-store", answer.Header("Cache-Control"));
        Assert.Equal(user.SessionId, answer.AccessToken().SessionId());
        Assert.Equal(1, answer.AccessToken().Epoch());
        Assert.Matches("^[A-Za-z0-9_-]{43}$", answer.Cookie());
        Assert.NotEqual(user.Cookie, answer.Cookie());
        Assert.Equal(200, (await mesh.Gateway.GetAsync("/account", answer.Token)).Status);
        Assert.Equal(200, (await mesh.Identity.ExchangeAsync(new { cookie = answer.Cookie() })).Status);
        Assert.Equal(200, (await mesh.Gateway.RefreshAsync(answer.RefreshToken())).Status);

        // 2. Every earlier token and cookie of every session is void.
        foreach (var session in new[] { user, other })
        {
            (await mesh.Gateway.RefreshAsync(session.RefreshToken)).AssertError(401, "invalid_refresh_token");
            (await mesh.Identity.GetAsync("/account", session.Token)).AssertError(401, "invalid_token");
            (await mesh.Identity.ExchangeAsync(new { cookie = session.Cookie })).AssertError(401, "invalid_session");
            Assert.True(await mesh.Database.IsRevokedAsync(session.Answer.AccessToken()));
        }

        Assert.False(await mesh.Database.IsRevokedAsync(answer.AccessToken()));
        Assert.False(await mesh.Database.HasEndedAsync(user.SessionId)); // an old refresh token does not count as a replay
        Assert.Equal(1, (await mesh.Gateway.GetAsync("/account/sessions", answer.Token)).Json.GetProperty("sessions").GetArrayLength());

        // 3. The old password is void too.
        Assert.Equal(401, (await mesh.Gateway.LoginAsync(user.Username, user.Password)).Status);
        Assert.Equal(200, (await mesh.Gateway.LoginAsync(user.Username, NewPassword)).Status);
    }

    [Fact]
    public async Task The_refresh_token_of_a_password_change_rotates_normally()
    {
        var user = await mesh.Gateway.SignUpAsync();
        var changed = await mesh.Gateway.ChangePasswordAsync(user.Token, user.Password, NewPassword);
        await mesh.Database.AgeStepAsync(user.SessionId, 30);

        var next = await mesh.Gateway.RefreshAsync(changed.RefreshToken());
        var again = await mesh.Gateway.RefreshAsync(changed.RefreshToken());

        Assert.NotEqual(changed.RefreshToken(), next.RefreshToken());
        Assert.Equal(next.RefreshToken(), again.RefreshToken());
    }

    [Fact]
    public async Task A_wrong_current_password_changes_nothing()
    {
        var user = await mesh.Gateway.SignUpAsync();
        var before = await UserAsync(user);

        foreach (var wrong in (string[])["not the password", user.Password + "x", user.Password[..^1], "x", new string('x', 300),
            NewPassword])
        {
            var answer = await mesh.Gateway.ChangePasswordAsync(user.Token, wrong, NewPassword);
            answer.AssertError(403, "wrong_password", "The current password is wrong");
            Assert.Null(answer.Cookie());
        }

        Assert.Equal(before, await UserAsync(user));
        Assert.Equal(200, (await mesh.Gateway.RefreshAsync(user.RefreshToken)).Status);
        Assert.Equal(200, (await mesh.Gateway.ChangePasswordAsync(user.Token, user.Password, NewPassword)).Status);
    }

    [Fact]
    public async Task The_current_password_is_refused_as_the_new_one()
    {
        var user = await mesh.Gateway.SignUpAsync();
        var before = await UserAsync(user);

        (await mesh.Gateway.ChangePasswordAsync(user.Token, user.Password, user.Password))
            .AssertError(400, "invalid_request", "new_password: must differ from the current password", "new_password");
        // this is not the current password
        (await mesh.Gateway.ChangePasswordAsync(user.Token, NewPassword, NewPassword)).AssertError(403, "wrong_password");

        Assert.Equal(before, await UserAsync(user));
        Assert.Equal(200, (await mesh.Gateway.ChangePasswordAsync(user.Token, user.Password, user.Password.ToUpperInvariant())).Status);
    }

    [Theory]
    [InlineData("{}", "current_password", "new_password")]
    [InlineData("""{"current_password":null,"new_password":null}""", "current_password", "new_password")]
    [InlineData("""{"current_password":"","new_password":"8 horses"}""", "current_password")]
    [InlineData("""{"current_password":"a password for a test","new_password":""}""", "new_password")]
    [InlineData("""{"current_password":"a password for a test","new_password":"1234567"}""", "new_password")]
    [InlineData("""{"current_password":"a password for a test","new_password":"1234\u00005678"}""", "new_password")]
    [InlineData("""{"current_password":"a password for a test","new_password":12345678}""", "new_password")]
    [InlineData("""{"current_password":"a password for a test","new_password":"12345678","epoch":0}""", "epoch")]
    public async Task A_missing_or_invalid_member_is_named(string body, params string[] fields)
    {
        var user = await mesh.Gateway.SignUpAsync();
        var before = await UserAsync(user);

        var answer = await mesh.Gateway.SendAsync(
            HttpMethod.Post, "/account/password",
            new StringContent(body, new System.Net.Http.Headers.MediaTypeHeaderValue("application/json")),
            request => request.Headers.Authorization = new("Bearer", user.Token));

        answer.AssertError(400, "invalid_request", fields: fields);
        Assert.Equal(before, await UserAsync(user));
    }

    [Fact]
    public async Task Only_one_of_many_concurrent_password_changes_succeeds()
    {
        var user = await mesh.Gateway.SignUpAsync();

        var answers = await Together.RunAsync(10, i => mesh.Gateway.ChangePasswordAsync(user.Token, user.Password, $"password number {i}"));

        var winner = Assert.Single(answers, answer => answer.Status == 200);
        Assert.All(answers.Where(answer => answer != winner), answer =>
        {
            if (answer.Status == 409)
            {
                answer.AssertError(409, "account_changed");
            }
            else
            {
                answer.AssertError(401, "invalid_token"); // it arrived after the winning change
            }
        });
        Assert.Equal(1, await mesh.Database.ScalarAsync<int>("SELECT epoch FROM users WHERE id = $1", user.UserId));
        Assert.Equal(200, (await mesh.Gateway.LoginAsync(user.Username, $"password number {Array.IndexOf(answers, winner)}")).Status);
        Assert.Equal(200, (await mesh.Gateway.GetAsync("/account", winner.Token)).Status);
    }

    [Fact]
    public async Task An_unusable_stored_hash_counts_as_a_wrong_password()
    {
        var user = await mesh.Gateway.SignUpAsync();
        await mesh.Database.ExecuteAsync("UPDATE users SET password_hash = 'plain text' WHERE id = $1", user.UserId);

        (await mesh.Gateway.ChangePasswordAsync(user.Token, "plain text", NewPassword)).AssertError(403, "wrong_password");
    }

    private Task<string> UserAsync(SignedIn user) =>
        mesh.Database.ScalarAsync<string>("SELECT u::text FROM users u WHERE id = $1", user.UserId);
}
