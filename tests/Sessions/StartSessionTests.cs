using System.Net.Http.Json;
using AuthMesh.Tests.Harness;
using Npgsql;

namespace AuthMesh.Tests.Sessions;

public sealed class StartSessionTests(ProductionMesh mesh)
{
    [Fact]
    public async Task The_hundred_and_first_session_ends_the_oldest()
    {
        var user = await mesh.Gateway.SignUpAsync();
        var second = await mesh.Gateway.SignInAgainAsync(user);
        await AddSessionsAsync(user, 98);
        Assert.Equal(100, await CountLiveAsync(user));

        var newest = await mesh.Gateway.SignInAgainAsync(user);

        Assert.Equal(100, await CountLiveAsync(user));
        Assert.True(await mesh.Database.IsRevokedAsync(user.Answer.AccessToken()));
        (await mesh.Gateway.RefreshAsync(user.RefreshToken)).AssertError(401, "invalid_refresh_token");
        Assert.Equal(200, (await mesh.Gateway.RefreshAsync(second.RefreshToken)).Status);
        Assert.Equal(200, (await mesh.Gateway.RefreshAsync(newest.RefreshToken)).Status);
    }

    [Fact]
    public async Task Ended_expired_and_old_epoch_sessions_do_not_count_towards_the_limit()
    {
        var user = await mesh.Gateway.SignUpAsync();
        await AddSessionsAsync(user, 40, ended: "now()");
        await AddSessionsAsync(user, 40, expires: "now()");
        await AddSessionsAsync(user, 40, epoch: -1);
        await AddSessionsAsync(user, 98);

        await mesh.Gateway.SignInAgainAsync(user);

        Assert.Equal(100, await CountLiveAsync(user));
        Assert.False(await mesh.Database.HasEndedAsync(user.SessionId));
    }

    [Fact]
    public async Task Concurrent_logins_at_the_limit_all_succeed_and_a_hundred_sessions_stay()
    {
        var user = await mesh.Gateway.SignUpAsync();
        await AddSessionsAsync(user, 99);
        await using var connection = new NpgsqlConnection(mesh.Database.ConnectionString);
        await connection.OpenAsync(TestContext.Current.CancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(TestContext.Current.CancellationToken);
        await using var hold = new NpgsqlCommand(
            "SELECT 1 FROM users WHERE id = $1 FOR UPDATE", connection)
        { Parameters = { new() { Value = user.UserId } } };
        await hold.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);

        // Each login has had its password checked and waits for the user's row when the lock is released.
        var logins = Together.RunAsync(6, _ => mesh.Gateway.LoginAsync(user.Username, user.Password));
        await Patience.UntilAsync(async () => await mesh.Database.ScalarAsync<long>(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%INTO "
            + "sessions%'") >= 6);
        await transaction.CommitAsync(TestContext.Current.CancellationToken);
        var answers = await logins;

        Assert.All(answers, answer => Assert.Equal(200, answer.Status));
        Assert.Equal(100, await CountLiveAsync(user));
        foreach (var answer in answers)
        {
            Assert.False(await mesh.Database.HasEndedAsync(answer.AccessToken().SessionId()));
        }
    }

    [Fact]
    public async Task A_forwarded_address_without_the_service_key_is_ignored()
    {
        var user = await mesh.Gateway.SignUpAsync();

        var answer = await mesh.Identity.SendAsync(
            HttpMethod.Post, "/login", JsonContent.Create(new { username = user.Username, password = user.Password }),
            request => request.Headers.TryAddWithoutValidation("X-Forwarded-For", "203.0.113.7"));

        Assert.Equal(
            "", await mesh.Database.ScalarAsync<string>("SELECT network FROM sessions WHERE id = $1", answer.AccessToken().SessionId()));
    }

    // Adds sessions in the past, so that those that a test signs in are newer. Makes the first sign-in the oldest.
    private async Task AddSessionsAsync(
        SignedIn user, int count, string ended = "NULL", string expires = "now() + interval '1 day'", int epoch = 0)
    {
        await mesh.Database.ExecuteAsync(
            $"""
            INSERT INTO sessions (id, user_id, epoch, created_at, last_used_at, expires_at, device, ended_at)
            SELECT gen_random_uuid(), $1, {epoch}, now() - interval '1 hour', now(), {expires}, '', {ended} FROM generate_series(1, {count})
            """,
            user.UserId);
        await mesh.Database.ExecuteAsync("UPDATE sessions SET created_at = now() - interval '2 hours' WHERE id = $1", user.SessionId);
    }

    private Task<long> CountLiveAsync(SignedIn user) => mesh.Database.ScalarAsync<long>(
        "SELECT count(*) FROM sessions s JOIN users u ON u.id = s.user_id AND u.epoch = s.epoch WHERE u.id = $1 AND ended_at IS NULL AND "
        + "expires_at > now()",
        user.UserId);
}
