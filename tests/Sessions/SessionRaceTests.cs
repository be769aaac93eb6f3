using AuthMesh.Tests.Faults;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Sessions;

/// <summary>
/// One replica ends a session while the other starts or extends one. In either order, no token or cookie that was issued is usable
/// afterwards.
/// </summary>
[Collection<OnTwoReplicas>]
public sealed class SessionRaceTests(TwoReplicas mesh, ITestOutputHelper output)
{
    private const int Rounds = 200;
    private const string NewPassword = "another password";

    [Fact]
    public async Task A_logout_and_a_refresh_leave_nothing_usable() => await RunAsync(async (round, user) =>
    {
        var answers = await Together.RunAsync(
            () => mesh.Replica(round).LogoutAsync(user.Token),
            () => mesh.Replica(round + 1).RefreshAsync(user.RefreshToken));

        Assert.Equal(200, answers[0].Status);
        await mesh.AssertNothingIsUsableAsync([user.Answer, answers[1]]);
        return answers[1];
    });

    [Fact]
    public async Task A_logout_and_an_exchange_leave_nothing_usable()
    {
        await RunAsync(async (round, user) =>
        {
            var answers = await Together.RunAsync(
                () => mesh.Replica(round).LogoutAsync(body: new { refresh_token = user.RefreshToken }),
                () => mesh.Replica(round + 1).ExchangeAsync(new { cookie = user.Cookie }));

            Assert.Equal(200, answers[0].Status);
            (await mesh.Replica(0).ExchangeAsync(new { cookie = user.Cookie })).AssertError(401, "invalid_session");
            Assert.True(answers[1].Status != 200 || await mesh.Database.IsRevokedAsync(answers[1].AccessToken()));
            return answers[1];
        });
    }

    [Fact]
    public async Task A_password_change_and_a_login_with_the_old_one_leave_nothing_usable() => await RunAsync(async (round, user) =>
    {
        var answers = await Together.RunAsync(
            () => mesh.Replica(round).ChangePasswordAsync(user.Token, user.Password, NewPassword),
            () => mesh.Replica(round + 1).LoginAsync(user.Username, user.Password));

        Assert.Equal(200, answers[0].Status);
        await mesh.AssertNothingIsUsableAsync([user.Answer, answers[1]]);
        Assert.Equal(200, (await mesh.Replica(0).RefreshAsync(answers[0].RefreshToken())).Status);
        return answers[1];
    });

    [Fact]
    public async Task A_password_change_and_a_refresh_leave_only_the_tokens_of_the_change_usable() =>
        await RunAsync(async (round, user) =>
    {
        var answers = await Together.RunAsync(
            () => mesh.Replica(round).ChangePasswordAsync(user.Token, user.Password, NewPassword),
            () => mesh.Replica(round + 1).RefreshAsync(user.RefreshToken));

        Assert.Equal(200, answers[0].Status);
        await mesh.AssertNothingIsUsableAsync([user.Answer, answers[1]]); // and none of these counts as a replay
        Assert.Equal(200, (await mesh.Replica(0).RefreshAsync(answers[0].RefreshToken())).Status);
        return answers[1];
    });

    [Fact]
    public async Task Disabling_an_account_and_a_login_leave_nothing_usable() => await RunAsync(async (round, user) =>
    {
        var answers = await Together.RunAsync(
            async () =>
            {
                for (var i = 0; i < round % 10; i++) // varies the moment
                {
                    await mesh.Database.ScalarAsync<int>("SELECT 1");
                }

                await mesh.Database.ExecuteAsync("UPDATE users SET disabled_at = now(), epoch = epoch + 1 WHERE id = $1", user.UserId);
                return user.Answer;
            },
            () => mesh.Replica(round).LoginAsync(user.Username, user.Password));

        await mesh.AssertNothingIsUsableAsync(answers);
        await mesh.Database.ExecuteAsync("UPDATE users SET disabled_at = NULL WHERE id = $1", user.UserId);
        await mesh.AssertNothingIsUsableAsync(answers); // still unusable after the account is enabled again
        return answers[1];
    });

    [Fact]
    public async Task Deleting_an_account_and_a_refresh_leave_nothing_usable() => await RunAsync(async (round, user) =>
    {
        var answers = await Together.RunAsync(
            () => mesh.Replica(round).DeleteAccountAsync(user.Token, user.Password),
            () => mesh.Replica(round + 1).RefreshAsync(user.RefreshToken));

        Assert.Equal(200, answers[0].Status);
        await mesh.AssertNothingIsUsableAsync([user.Answer, answers[1]]);
        Assert.Equal(0, await mesh.Database.ScalarAsync<long>("SELECT count(*) FROM sessions WHERE user_id = $1", user.UserId));
        return answers[1];
    });

    [Fact]
    public async Task Two_admins_who_delete_themselves_concurrently_leave_one_admin()
    {
        await mesh.Database.ExecuteAsync("UPDATE users SET disabled_at = now() WHERE role = 'admin'"); // the first admin
        for (var round = 0; round < 40; round++)
        {
            var names = await mesh.AddUsersAsync(2, "admin");
            var admins = await Task.WhenAll(names.Select((name, i) => mesh.Replica(i).SignInAsync(name, SessionCalls.Password)));

            var answers = await Together.RunAsync(2, i => mesh.Replica(i).DeleteAccountAsync(admins[i].Token, admins[i].Password));

            Assert.Single(answers, answer => answer.Status == 200);
            var stays = Assert.Single(answers, answer => answer.Status != 200);
            stays.AssertError(409, "last_admin", "The last active admin cannot be deleted");
            Assert.Equal(
                1, await mesh.Database.ExecuteAsync("UPDATE users SET disabled_at = now() WHERE role = 'admin' AND disabled_at IS NULL"));
        }
    }

    [Fact]
    public async Task The_last_active_admin_cannot_be_deleted_until_another_is_active()
    {
        await mesh.Database.ExecuteAsync("UPDATE users SET disabled_at = now() WHERE role = 'admin'");
        var names = await mesh.AddUsersAsync(2, "admin");
        var admin = await mesh.Replica(0).SignInAsync(names[0], SessionCalls.Password);

        await mesh.Database.ExecuteAsync("UPDATE users SET disabled_at = now() WHERE username = $1", names[1]);
        (await mesh.Replica(0).DeleteAccountAsync(admin.Token, admin.Password)).AssertError(409, "last_admin");
        Assert.Equal(200, (await mesh.Replica(0).GetAsync("/account", admin.Token)).Status);

        await mesh.Database.ExecuteAsync("UPDATE users SET disabled_at = NULL WHERE username = $1", names[1]);
        Assert.Equal(200, (await mesh.Replica(0).DeleteAccountAsync(admin.Token, admin.Password)).Status);
    }

    [Fact]
    public async Task Concurrent_operations_on_one_account_do_not_deadlock()
    {
        const int Circles = 12;
        for (var round = 0; round < Circles; round++)
        {
            var user = await mesh.Replica(0).SignUpAsync();
            var sessions = await Task.WhenAll(Enumerable.Range(0, 6).Select(i => mesh.Replica(i).SignInAgainAsync(user)));
            await mesh.Database.ExecuteAsync( // so that every login has a session to end
                """
                INSERT INTO sessions (id, user_id, epoch, created_at, last_used_at, expires_at, device)
                SELECT gen_random_uuid(), $1, 0, now() - interval '1 hour', now(), now() + interval '1 day', '' FROM generate_series(1, 95)
                """,
                user.UserId);

            var answers = await Together.RunAsync(40, i => (i % 8) switch
            {
                0 => mesh.Replica(i / 8).LoginAsync(user.Username, user.Password),
                1 => mesh.Replica(i / 8).CallAsync(HttpMethod.Delete, "/account/sessions", sessions[i % 6].Token),
                2 => mesh.Replica(i / 8).LogoutAsync(sessions[0].Token, new { refresh_token = sessions[1].RefreshToken }),
                3 => mesh.Replica(i / 8).LogoutAsync(sessions[1].Token, new { refresh_token = sessions[0].RefreshToken }),
                4 when i > 30 => mesh.Replica(i / 8).DeleteAccountAsync(sessions[3].Token, user.Password),
                5 when i > 20 => mesh.Replica(i / 8).ChangePasswordAsync(sessions[4].Token, user.Password, NewPassword),
                6 => mesh.Replica(i / 8)
                .CallAsync(HttpMethod.Delete, "/account/sessions/" + sessions[(i + 1) % 6].SessionId, sessions[i % 6].Token),
                _ => mesh.Replica(i / 8).RefreshAsync(sessions[i % 6].RefreshToken),
            });

            Assert.All(answers, answer => Assert.InRange(answer.Status, 200, 499));
        }
    }

    /// <summary>
    /// Runs many rounds, each with a new user and some in parallel: the parallel load varies the timing of each race. Writes a line that
    /// says how often the second of the two calls was served.
    /// </summary>
    private async Task RunAsync(Func<int, SignedIn, Task<Answer>> race)
    {
        var names = await mesh.AddUsersAsync(Rounds);
        var served = 0;
        await Parallel.ForEachAsync(
            Enumerable.Range(0, Rounds),
            new ParallelOptions { MaxDegreeOfParallelism = 8, CancellationToken = TestContext.Current.CancellationToken },
            async (round, _) =>
            {
                var answer = await race(round, await mesh.Replica(round).SignInAsync(names[round], SessionCalls.Password));
                Assert.Contains(answer.Status, new[] { 200, 401 });
                Interlocked.Add(ref served, answer.Status == 200 ? 1 : 0);
            });

        output.WriteLine($"{Rounds} rounds, served {served} times and refused {Rounds - served}: nothing usable was left");
    }
}
