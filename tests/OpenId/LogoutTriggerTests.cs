using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.OpenId;

/// <summary>The triggers of <c>logout_deliveries.sql</c>: each end of an application's session is told once, whatever ends it.</summary>
[Collection<OnLogoutDatabase>]
public sealed class LogoutTriggerTests(LogoutDatabase logouts) : IAsyncLifetime
{
    private const string End = "UPDATE sessions SET ended_at = now() WHERE kind = 'application'",
        RaiseUser = "UPDATE users SET epoch = epoch + 1",
        RaiseApplication = "UPDATE applications SET epoch = nextval('application_epochs')";

    public async ValueTask InitializeAsync() => await logouts.ResetAsync();

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Theory]
    [InlineData(End)]
    [InlineData("DELETE FROM sessions WHERE kind = 'application'")]
    [InlineData("DELETE FROM sessions WHERE kind = 'sign_in'")] // the cascade
    [InlineData(
        "WITH ended AS (UPDATE sessions SET ended_at = now() WHERE kind = 'sign_in' RETURNING id) "
        + "UPDATE sessions c SET ended_at = now() FROM ended WHERE c.parent_id = ended.id")]
    [InlineData(RaiseUser)]
    [InlineData("UPDATE users SET disabled_at = now()")]
    [InlineData("UPDATE users SET disabled_at = now(), epoch = epoch + 1")]
    [InlineData("DELETE FROM users")]
    [InlineData(RaiseApplication)]
    [InlineData("UPDATE applications SET disabled_at = now(), epoch = nextval('application_epochs')")]
    [InlineData("DELETE FROM applications")]
    // Several at once, in one transaction each.
    [InlineData($"{RaiseUser}; {End}")]
    [InlineData($"{End}; {RaiseUser}")]
    [InlineData($"WITH raised AS ({RaiseUser}) {End}")]
    [InlineData($"{RaiseApplication}; {End}")]
    [InlineData($"{End}; {RaiseApplication}")]
    [InlineData($"WITH raised AS ({RaiseApplication}) {End}")]
    [InlineData($"{RaiseUser}; {RaiseApplication}")]
    [InlineData($"{RaiseApplication}; {RaiseUser}; DELETE FROM users; DELETE FROM applications")]
    [InlineData($"{RaiseUser}; UPDATE users SET disabled_at = now(); DELETE FROM sessions")]
    public async Task An_end_is_told_once(string end)
    {
        await logouts.AddAsync(2);
        await logouts.AddAsync(1, parent: end.Contains("'sign_in'", StringComparison.Ordinal) ? LogoutDatabase.SignIn : null);
        var ended = await SessionsAsync();
        Assert.Equal(0, await logouts.CountAsync());

        await logouts.Database.ExecuteAsync(end);
        await logouts.SweepAsync();

        Assert.Equal(ended, await ToldAsync());
        Assert.Equal(
            3, await logouts.CountAsync(
                $"client_id = 'told' AND uri = 'https://told.example/logout' AND host = 'told.example' AND attempts = 0 "
                + $"AND user_id = '{LogoutDatabase.User}' AND next_attempt_at <= now()"));

        // What happens to the rows later is no other end.
        await logouts.Database.ExecuteAsync("DELETE FROM logout_deliveries");
        foreach (var later in (string[])[End, RaiseUser, RaiseApplication])
        {
            await logouts.Database.ExecuteAsync(later);
            await logouts.SweepAsync();
        }

        await logouts.PruneAsync();
        await logouts.Database.ExecuteAsync("DELETE FROM users; DELETE FROM applications");
        Assert.Equal(0, await logouts.CountAsync());
        Assert.Equal(0, await logouts.Database.ScalarAsync<long>("SELECT count(*) FROM sessions"));
    }

    [Theory]
    [InlineData("UPDATE users SET language = 'en', epoch = epoch, role = 'admin', disabled_at = NULL")]
    [InlineData("UPDATE applications SET name = 'another', epoch = epoch")]
    [InlineData("UPDATE sessions SET last_used_at = now(), refresh_counter = refresh_counter + 1, ended_at = NULL")]
    [InlineData("DELETE FROM logout_deliveries")]
    public async Task What_ends_nothing_is_not_told(string change)
    {
        await logouts.AddAsync();

        await logouts.Database.ExecuteAsync(change);

        Assert.Equal(0, await logouts.SweepAsync());
        Assert.Equal(0, await logouts.CountAsync());
        await logouts.Database.ExecuteAsync(End);
        Assert.Equal(1, await logouts.CountAsync());
    }

    [Theory]
    [InlineData(End)]
    [InlineData(RaiseUser)]
    [InlineData(RaiseApplication)]
    [InlineData("DELETE FROM users")]
    [InlineData("DELETE FROM applications")]
    public async Task Applications_without_an_address_and_sessions_that_expired_are_not_told(string end)
    {
        await logouts.AddAsync(application: LogoutDatabase.Silent);
        await logouts.AddAsync(expires: "0");

        await logouts.Database.ExecuteAsync(end);
        await logouts.SweepAsync();
        await logouts.PruneAsync();

        Assert.Equal(0, await logouts.CountAsync());
    }

    [Fact]
    public async Task A_session_that_began_while_the_epoch_of_its_application_rose_is_found()
    {
        await logouts.Database.ExecuteAsync(RaiseApplication);
        await logouts.AddAsync();
        await logouts.AddAsync();
        await logouts.Database.ExecuteAsync(
            "UPDATE sessions SET client_epoch = client_epoch - 1 WHERE id = (SELECT id FROM sessions WHERE kind = 'application' LIMIT 1)");

        Assert.Equal(1, await logouts.SweepAsync());

        Assert.Equal(1, await logouts.CountAsync());
        Assert.Equal(36, (await SessionsAsync()).Length); // the live one
    }

    [Fact]
    public async Task Many_sessions_are_swept_in_batches_by_several_replicas_and_each_is_told_once()
    {
        await logouts.AddAsync(1_000);
        var ended = await SessionsAsync();
        await logouts.Database.ExecuteAsync(RaiseApplication);
        Assert.Equal(0, await logouts.CountAsync()); // the epoch waits for none of them

        var counts = await Together.RunAsync(4, async _ =>
        {
            var (all, last) = (0, 0);
            do
            {
                last = await logouts.SweepAsync();
                Assert.InRange(last, 0, 200);
                all += last;
            }
            while (last > 0);
            return all;
        });

        Assert.Equal(1_000, counts.Sum());
        Assert.Equal(ended, await ToldAsync());
    }

    [Theory]
    [InlineData(End, "session-ended")]
    [InlineData(RaiseUser, "user-below-epoch")]
    [InlineData(RaiseApplication, "application-below-epoch")]
    public async Task The_log_has_one_entry_for_an_epoch_and_one_for_each_session_that_ends_by_itself(string end, string kind)
    {
        await logouts.AddAsync(3);

        await logouts.Database.ExecuteAsync(end + (end == RaiseApplication ? " WHERE client_id = 'told'" : ""));
        await logouts.SweepAsync();

        Assert.Equal(3, await logouts.CountAsync());
        Assert.Equal(
            string.Join(' ', Enumerable.Repeat(kind, kind == "session-ended" ? 3 : 1)),
            await logouts.Database.ScalarAsync<string>("SELECT string_agg(kind, ' ') FROM revocations"));
    }

    [Fact]
    public async Task Deliveries_that_nobody_took_in_a_day_are_deleted()
    {
        await logouts.AddDeliveriesAsync(3, new Uri("https://told.example/logout"));
        await logouts.Database.ExecuteAsync(
            """
            UPDATE logout_deliveries SET created_at = now() - interval '25 hours'
            WHERE id <> (SELECT min(id::text)::uuid FROM logout_deliveries)
            """);

        await logouts.PruneAsync();

        Assert.Equal(1, await logouts.CountAsync());
    }

    private Task<string> SessionsAsync() => logouts.Database.ScalarAsync<string>(
        "SELECT COALESCE(string_agg(id::text, ' ' ORDER BY id), '') FROM sessions WHERE kind = 'application'");

    private Task<string> ToldAsync() => logouts.Database.ScalarAsync<string>(
        "SELECT COALESCE(string_agg(session_id::text, ' ' ORDER BY session_id), '') FROM logout_deliveries");
}
