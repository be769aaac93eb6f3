using AuthMesh.Tests.Harness;
using Npgsql;

namespace AuthMesh.Tests.Sessions;

public sealed class RefreshTests(ProductionMesh mesh)
{
    [Fact]
    public async Task A_refresh_answers_like_a_login_with_the_next_tokens_and_no_cookie()
    {
        var user = await mesh.Gateway.SignUpAsync();

        var answer = await mesh.Gateway.RefreshAsync(user.RefreshToken);

        Assert.Equal(200, answer.Status);
        Assert.Equal($"Welcome {user.Username}!", answer.Message);
        Assert.Equal("no-store", answer.Header("Cache-Control"));
        Assert.Equal("Bearer", answer.Member("token_type"));
        Assert.Equal("1800", answer.Member("expires_in"));
        Assert.Equal("1209600", answer.Member("refresh_expires_in"));
        Assert.Equal(
            user.Answer.Json.EnumerateObject().Select(member => member.Name), answer.Json.EnumerateObject().Select(member => member.Name));
        Assert.Null(answer.Cookie());
        Assert.Equal(200, (await mesh.Gateway.GetAsync("/protected", answer.Token)).Status);

        var (before, after) = (user.Answer.AccessToken(), answer.AccessToken());
        foreach (var same in (string[])["sub", "sid", "epoch", "preferred_username", "role", "client_id"])
        {
            Assert.Equal(before.GetClaim(same).Value, after.GetClaim(same).Value);
        }

        Assert.NotEqual(before.Id, after.Id);
        Assert.NotEqual(user.RefreshToken, answer.RefreshToken());
        Assert.True(await mesh.Database.ScalarAsync<bool>(
            """
            SELECT refresh_counter = 1 AND last_used_at > created_at AND refreshed_at = last_used_at
                AND expires_at = last_used_at + interval '14 days' AND ended_at IS NULL FROM sessions WHERE id = $1
            """,
            user.SessionId));
    }

    [Fact]
    public async Task A_refresh_token_rotates_once_every_thirty_seconds()
    {
        var user = await mesh.Gateway.SignUpAsync();
        var token = user.RefreshToken;
        var all = new HashSet<string> { token };

        for (var step = 1; step <= 4; step++)
        {
            token = (await mesh.Gateway.RefreshAsync(token)).RefreshToken();
            Assert.True(all.Add(token));
            Assert.Equal(step, await mesh.Database.CounterAsync(user.SessionId));
            await mesh.Database.AgeStepAsync(user.SessionId, 30);
        }
    }

    [Fact]
    public async Task A_retried_refresh_gets_the_same_successor()
    {
        var user = await mesh.Gateway.SignUpAsync();
        var lost = await mesh.Gateway.RefreshAsync(user.RefreshToken);

        var again = await mesh.Gateway.RefreshAsync(user.RefreshToken);

        Assert.Equal(lost.RefreshToken(), again.RefreshToken());
        Assert.NotEqual(lost.Token, again.Token);
        Assert.Equal(200, (await mesh.Gateway.GetAsync("/protected", again.Token)).Status);
        Assert.Equal(1, await mesh.Database.CounterAsync(user.SessionId));
    }

    [Fact]
    public async Task The_newest_token_is_returned_unchanged_for_thirty_seconds()
    {
        var user = await mesh.Gateway.SignUpAsync();
        var newest = (await mesh.Gateway.RefreshAsync(user.RefreshToken)).RefreshToken();
        await mesh.Database.AgeStepAsync(user.SessionId, 25);

        var early = await mesh.Gateway.RefreshAsync(newest);
        await mesh.Database.AgeStepAsync(user.SessionId, 5);
        var due = await mesh.Gateway.RefreshAsync(newest);

        Assert.Equal(newest, early.RefreshToken());
        Assert.Equal(200, (await mesh.Gateway.GetAsync("/protected", early.Token)).Status);
        Assert.NotEqual(newest, due.RefreshToken());
        Assert.Equal(2, await mesh.Database.CounterAsync(user.SessionId));
    }

    [Fact]
    public async Task A_slow_tab_gets_the_same_successor_as_a_fast_one()
    {
        var user = await mesh.Gateway.SignUpAsync();
        var fast = (await mesh.Gateway.RefreshAsync(user.RefreshToken)).RefreshToken();
        await mesh.Database.AgeStepAsync(user.SessionId, 25);

        var slow = await mesh.Gateway.RefreshAsync(user.RefreshToken);

        Assert.Equal(fast, slow.RefreshToken());
        Assert.False(await mesh.Database.HasEndedAsync(user.SessionId));
    }

    [Fact]
    public async Task Reusing_the_previous_token_after_thirty_seconds_ends_the_session()
    {
        var user = await mesh.Gateway.SignUpAsync();
        var newest = await mesh.Gateway.RefreshAsync(user.RefreshToken);
        await mesh.Database.AgeStepAsync(user.SessionId, 30);

        (await mesh.Gateway.RefreshAsync(user.RefreshToken)).AssertError(401, "invalid_refresh_token", "Invalid or expired refresh token");

        await AssertEndedAsync(user, newest, "token 0, session 1");
    }

    [Fact]
    public async Task Reusing_a_token_from_two_steps_ago_ends_the_session_at_once()
    {
        var user = await mesh.Gateway.SignUpAsync();
        var second = (await mesh.Gateway.RefreshAsync(user.RefreshToken)).RefreshToken();
        await mesh.Database.AgeStepAsync(user.SessionId, 30);
        var newest = await mesh.Gateway.RefreshAsync(second);

        (await mesh.Gateway.RefreshAsync(user.RefreshToken)).AssertError(401, "invalid_refresh_token");

        await AssertEndedAsync(user, newest, "token 0, session 2");
    }

    [Fact]
    public async Task A_token_ahead_of_its_session_is_refused_and_ends_nothing()
    {
        var user = await mesh.Gateway.SignUpAsync();
        var ahead = (await mesh.Gateway.RefreshAsync(user.RefreshToken)).RefreshToken();
        // As after a restore of the database from before the step.
        await mesh.Database.ExecuteAsync("UPDATE sessions SET refresh_counter = 0, refreshed_at = NULL WHERE id = $1", user.SessionId);

        (await mesh.Gateway.RefreshAsync(ahead)).AssertError(401, "invalid_refresh_token");

        Assert.False(await mesh.Database.HasEndedAsync(user.SessionId));
        Assert.Equal(ahead, (await mesh.Gateway.RefreshAsync(user.RefreshToken)).RefreshToken());
    }

    [Fact]
    public async Task A_token_of_an_older_epoch_is_refused_and_ends_nothing()
    {
        var user = await mesh.Gateway.SignUpAsync();
        var newest = (await mesh.Gateway.RefreshAsync(user.RefreshToken)).RefreshToken();
        await mesh.Database.AgeStepAsync(user.SessionId, 30);
        await SetEpochsAsync(user, 1);

        foreach (var old in (string[])[user.RefreshToken, newest]) // without the epoch check, a replay and the next step
        {
            (await mesh.Gateway.RefreshAsync(old)).AssertError(401, "invalid_refresh_token");
        }

        Assert.False(await mesh.Database.HasEndedAsync(user.SessionId));
        await SetEpochsAsync(user, 0);
        Assert.Equal(200, (await mesh.Gateway.RefreshAsync(newest)).Status);
    }

    [Theory]
    [InlineData("UPDATE sessions SET ended_at = now() WHERE id = $1", "UPDATE sessions SET ended_at = NULL WHERE id = $1")]
    [InlineData(
        "UPDATE sessions SET expires_at = now() WHERE id = $1", "UPDATE sessions SET expires_at = now() + interval '1 day' WHERE id = $1")]
    [InlineData("UPDATE users SET disabled_at = now() WHERE id = $2", "UPDATE users SET disabled_at = NULL WHERE id = $2")]
    [InlineData("UPDATE users SET epoch = 1 WHERE id = $2", "UPDATE users SET epoch = 0 WHERE id = $2")]
    [InlineData("UPDATE sessions SET epoch = 1 WHERE id = $1", "UPDATE sessions SET epoch = 0 WHERE id = $1")]
    public async Task A_session_that_is_not_live_is_not_refreshed(string kill, string revive)
    {
        var user = await mesh.Gateway.SignUpAsync();
        Assert.Equal(1, await mesh.Database.ExecuteAsync(ForIds(kill), user.SessionId, user.UserId));
        var row = await RowAsync(user);

        (await mesh.Gateway.RefreshAsync(user.RefreshToken)).AssertError(401, "invalid_refresh_token");

        Assert.Equal(row, await RowAsync(user));
        Assert.Equal(1, await mesh.Database.ExecuteAsync(ForIds(revive), user.SessionId, user.UserId));
        Assert.Equal(200, (await mesh.Gateway.RefreshAsync(user.RefreshToken)).Status);
    }

    [Theory]
    [InlineData("DELETE FROM sessions WHERE id = $1")]
    [InlineData("DELETE FROM users WHERE id = $2")]
    public async Task A_deleted_session_is_not_refreshed(string delete)
    {
        var user = await mesh.Gateway.SignUpAsync();
        Assert.Equal(1, await mesh.Database.ExecuteAsync(ForIds(delete), user.SessionId, user.UserId));

        (await mesh.Gateway.RefreshAsync(user.RefreshToken)).AssertError(401, "invalid_refresh_token");
    }

    [Theory]
    [InlineData("80 days", 10 * 86_400, 1_800)]
    [InlineData("89 days 23:50:00", 600, 600)]
    public async Task Use_extends_a_session_to_ninety_days_at_most_and_no_token_outlives_it(string age, int refreshSeconds, int seconds)
    {
        var user = await mesh.Gateway.SignUpAsync();
        await mesh.Database.ExecuteAsync("UPDATE sessions SET created_at = created_at - $2::interval WHERE id = $1", user.SessionId, age);

        var answer = await mesh.Gateway.RefreshAsync(user.RefreshToken);

        Assert.InRange(
            int.Parse(answer.Member("refresh_expires_in")!, System.Globalization.CultureInfo.InvariantCulture), refreshSeconds - 60,
            refreshSeconds);
        Assert.InRange(int.Parse(answer.Member("expires_in")!, System.Globalization.CultureInfo.InvariantCulture), seconds - 60, seconds);
        var expiry = await mesh.Database.ScalarAsync<DateTime>("SELECT expires_at FROM sessions WHERE id = $1", user.SessionId);
        Assert.True(answer.AccessToken().ValidTo <= expiry);
        Assert.True(
            await mesh.Database.ScalarAsync<bool>(
                "SELECT expires_at = created_at + interval '90 days' FROM sessions WHERE id = $1", user.SessionId));
    }

    [Fact]
    public async Task A_refresh_puts_the_users_new_role_into_the_token()
    {
        var user = await mesh.Gateway.SignUpAsync();
        await mesh.Database.ExecuteAsync("UPDATE users SET role = 'admin' WHERE id = $1", user.UserId);

        var answer = await mesh.Gateway.RefreshAsync(user.RefreshToken);

        Assert.Equal("admin", answer.AccessToken().GetClaim("role").Value);
        Assert.Equal(200, (await mesh.Gateway.GetAsync("/admin", answer.Token)).Status);
        await mesh.Database.ExecuteAsync("DELETE FROM users WHERE id = $1", user.UserId); // other tests count admins
    }

    // Otherwise a client that refreshes without pause could hold a shared lock until a password change times out.
    [Fact]
    public async Task Neither_a_refresh_nor_an_exchange_locks_the_user()
    {
        var user = await mesh.Gateway.SignUpAsync();
        await using var connection = new NpgsqlConnection(mesh.Database.ConnectionString);
        await connection.OpenAsync(TestContext.Current.CancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(TestContext.Current.CancellationToken);
        await using var change = new NpgsqlCommand(
            "UPDATE users SET epoch = 1 WHERE id = $1", connection)
        { Parameters = { new() { Value = user.UserId } } };
        await change.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);

        Assert.Equal(200, (await mesh.Gateway.RefreshAsync(user.RefreshToken)).Status);
        Assert.Equal(200, (await mesh.Identity.ExchangeAsync(new { cookie = user.Cookie })).Status);

        await transaction.CommitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(401, (await mesh.Gateway.RefreshAsync(user.RefreshToken)).Status);
        Assert.Equal(401, (await mesh.Identity.ExchangeAsync(new { cookie = user.Cookie })).Status);
    }

    [Theory]
    [InlineData("{}", "refresh_token")]
    [InlineData("""{"refresh_token":null}""", "refresh_token")]
    [InlineData("""{"refresh_token":1}""", "refresh_token")]
    [InlineData("""{"refresh_token":["x"]}""", "refresh_token")]
    [InlineData("""{"refreshToken":"x"}""", "refreshToken")]
    [InlineData("""{"refresh_token":"x","grant_type":"refresh_token"}""", "grant_type")]
    [InlineData("""{"refresh_token":"x","refresh_token":"y"}""", "refresh_token")]
    public async Task A_malformed_refresh_body_names_the_wrong_member(string body, string member)
    {
        (await mesh.Gateway.PostRawAsync("/refresh", body)).AssertError(400, "invalid_request", fields: member);
    }

    [Theory]
    [InlineData("\"\"")]
    [InlineData("\"x\"")]
    [InlineData("\"authmesh_rt_\"")]
    [InlineData("\"\\u0000\"")]
    [InlineData("\"\\ud800\"")]
    [InlineData("\"eyJhbGciOiJub25lIn0.e30.\"")]
    [InlineData("\"authmesh_rt_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"")]
    public async Task A_text_that_is_not_a_refresh_token_is_refused(string json)
    {
        (await mesh.Gateway.PostRawAsync("/refresh", $$"""{"refresh_token":{{json}}}""")).AssertError(401, "invalid_refresh_token");
    }

    [Fact]
    public async Task An_access_token_or_a_cookie_is_refused_as_a_refresh_token()
    {
        var user = await mesh.Gateway.SignUpAsync();

        foreach (var other in (string[])[user.Token, user.Cookie, "authmesh_rt_" + user.Cookie])
        {
            (await mesh.Gateway.RefreshAsync(other)).AssertError(401, "invalid_refresh_token");
        }

        (await mesh.Gateway.GetAsync("/protected", user.RefreshToken)).AssertError(401, "invalid_token");
        Assert.Equal(200, (await mesh.Gateway.RefreshAsync(user.RefreshToken)).Status);
    }

    private async Task AssertEndedAsync(SignedIn user, Answer newest, string counters)
    {
        Assert.True(await mesh.Database.HasEndedAsync(user.SessionId));
        (await mesh.Gateway.RefreshAsync(newest.RefreshToken())).AssertError(401, "invalid_refresh_token");
        Assert.True(await mesh.Database.IsRevokedAsync(newest.AccessToken()));
        await mesh.Mesh.Identity.UntilLoggedAsync($"refresh_reused UserId={user.UserId} SessionId={user.SessionId}");
        await mesh.Mesh.Identity.UntilLoggedAsync(counters);
    }

    private async Task SetEpochsAsync(SignedIn user, int epoch)
    {
        await mesh.Database.ExecuteAsync("UPDATE users SET epoch = $2 WHERE id = $1", user.UserId, epoch);
        await mesh.Database.ExecuteAsync("UPDATE sessions SET epoch = $2 WHERE id = $1", user.SessionId, epoch);
    }

    private Task<string> RowAsync(SignedIn user) =>
        mesh.Database.ScalarAsync<string>("SELECT s::text FROM sessions s WHERE id = $1", user.SessionId);

    // Every statement takes both ids, whichever it uses.
    private static string ForIds(string sql) => sql + " AND ($1::uuid, $2::uuid) IS NOT NULL";
}
