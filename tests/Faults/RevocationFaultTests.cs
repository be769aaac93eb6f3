using AuthMesh.LocalMesh;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;
using Npgsql;

namespace AuthMesh.Tests.Faults;

/// <summary>No fault makes a verifier miss an ended session for good. A verifier that may be behind reports it.</summary>
public sealed class RevocationFaultTests(ReplicatedMesh mesh) : IClassFixture<ReplicatedMesh>
{
    public enum Fault
    {
        Kill,
        Suspend,
    }

    [Theory]
    [InlineData(Fault.Kill)]
    [InlineData(Fault.Suspend)]
    public async Task With_one_identity_replica_down_the_other_announces_revocations(Fault fault)
    {
        await mesh.WholeAsync();
        var (_, _, token) = await mesh.SignUpAsync();
        var (_, _, other) = await mesh.SignUpAsync();
        await AssertAcceptedAsync(token);

        foreach (var replica in mesh.Mesh.Identities)
        {
            if (fault == Fault.Kill)
            {
                replica.Kill();
                await replica.Exited;
            }
            else
            {
                replica.Suspend();
            }

            await EndAsync(token);

            await AssertRefusedAsync(token);
            await AssertAcceptedAsync(other);
            await mesh.WholeAsync();
            (_, _, token) = await mesh.SignUpAsync();
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Verifiers_without_the_feed_report_degraded_and_catch_up_afterwards(bool isCutFromPostgres)
    {
        await mesh.WholeAsync();
        var (_, _, token) = await mesh.SignUpAsync();
        await using var strict = await ServiceProcess.StartAsync(
            "resource-service", new Dictionary<string, string>(mesh.Mesh.Resource.Settings) { ["AuthMesh:Revocations:OnStale"] = "Reject" },
            "Production");
        await strict.WaitUntilReadyAsync(cancellation: TestContext.Current.CancellationToken);
        using var strictCaller = new Caller(strict);
        Assert.Equal(200, (await strictCaller.GetAsync("/protected", token)).Status);

        if (isCutFromPostgres)
        {
            mesh.CutFromPostgres();
        }
        else
        {
            foreach (var replica in mesh.Mesh.Identities)
            {
                replica.Suspend();
            }
        }

        await EndAsync(token);

        // 1. Health and log show it, and a verifier with OnStale=Reject answers 503.
        foreach (var verifier in mesh.Verifiers.Append(strictCaller))
        {
            var health = await Patience.UntilAsync(
                () => verifier.GetAsync("/health/ready"),
                answer => answer.Text.Contains("no confirmation of the revocation log", StringComparison.Ordinal));
            Assert.Equal(200, health.Status);
            Assert.StartsWith("Ready, but degraded: ", health.Message, StringComparison.Ordinal);
        }

        await Task.WhenAll(mesh.Mesh.Gateways.Concat(mesh.Mesh.Resources).Select(
            service => service.UntilLoggedAsync("No confirmation of the revocation log for 00:00:05")));
        (await strictCaller.GetAsync("/protected", token)).AssertError(503, "revocations_unavailable");
        (await strictCaller.GetAsync("/protected")).AssertError(401, "missing_token");

        // 2. With the default of OnStale, tokens stay valid until they expire.
        await AssertAcceptedAsync(token);

        // 3. An unknown key may be a new one.
        foreach (var verifier in mesh.Resources)
        {
            (await verifier.GetAsync("/protected", ForeignToken())).AssertError(503, "keys_unavailable");
        }

        await mesh.WholeAsync();

        await AssertRefusedAsync(token);
        await Patience.UntilAsync(() => strictCaller.GetAsync("/protected", token), answer => answer.Status == 401);
        // Once it has the key set again, and knows that it is the newest.
        await Patience.UntilAsync(() => mesh.Resources[0].GetAsync("/protected", ForeignToken()), answer => answer.Code == "invalid_token");
    }

    [Fact]
    public async Task A_starting_verifier_accepts_no_token_before_it_has_read_the_revocation_log()
    {
        await mesh.WholeAsync();
        var (_, _, ended) = await mesh.SignUpAsync();
        var (_, _, live) = await mesh.SignUpAsync();
        await EndAsync(ended);
        await AssertRefusedAsync(ended);
        var service = mesh.Mesh.Resources[1];
        using var stop = new CancellationTokenSource();
        var seen = new HashSet<int>();
        var load = Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                try
                {
                    var answer = await mesh.Resources[1].GetAsync("/protected", ended);
                    lock (seen)
                    {
                        seen.Add(answer.Status);
                    }
                }
                catch (HttpRequestException) // the service is not listening now
                {
                }
            }
        })).ToList();

        for (var round = 0; round < 3; round++)
        {
            service.Kill();
            await service.Exited;
            await service.RestartAsync();
            await Patience.UntilAsync(() => mesh.Resources[1].GetAsync("/protected", live), answer => answer.Status == 200);
        }

        await stop.CancelAsync();
        await Task.WhenAll(load);
        Assert.All(seen, status => Assert.True(status is 401 or 503, $"{status}"));
        Assert.Contains(401, seen);
    }

    [Fact]
    public async Task Restoring_an_older_database_revives_no_ended_session()
    {
        await mesh.WholeAsync();
        var (name, password, endedLater) = await mesh.SignUpAsync();
        var (raisedName, raisedPassword, raisedLater) = await mesh.SignUpAsync();
        var (_, _, endedAfterwards) = await mesh.SignUpAsync();
        var (_, _, endedAfterThat) = await mesh.SignUpAsync();
        await EndAsync((await mesh.SignUpAsync()).Token);
        await mesh.Database.ExecuteAsync(
            "CREATE SCHEMA copy; CREATE TABLE copy.users AS TABLE users; CREATE TABLE copy.sessions AS TABLE sessions; "
            + "CREATE TABLE copy.revocations AS TABLE revocations");
        await EndAsync(endedLater);
        await mesh.Database.ExecuteAsync("UPDATE users SET epoch = epoch + 1 WHERE id = $1", TokenText.UserId(raisedLater));
        await AssertRefusedAsync(endedLater);
        await AssertRefusedAsync(raisedLater);

        // As after a restore: the rows and positions of the copy, and no trigger has run. The services see the database again only when
        // positions that they know belong to other entries.
        foreach (var replica in mesh.Mesh.Identities)
        {
            replica.Suspend();
        }

        await mesh.Database.ExecuteAsync(
            """
            BEGIN;
            SET LOCAL session_replication_role = replica;
            DELETE FROM revocations; DELETE FROM sessions; DELETE FROM users;
            INSERT INTO users SELECT * FROM copy.users; INSERT INTO sessions SELECT * FROM copy.sessions;
            INSERT INTO revocations SELECT * FROM copy.revocations;
            SELECT setval('revocation_positions', (SELECT max(position) FROM revocations));
            COMMIT;
            DROP SCHEMA copy CASCADE;
            """);
        Assert.Equal(
            1, await mesh.Database.ScalarAsync<long>(
                "SELECT count(*) FROM sessions WHERE id = $1 AND ended_at IS NULL", TokenText.SessionId(endedLater)));
        await EndAsync(endedAfterwards);
        await EndAsync(endedAfterThat);
        foreach (var replica in mesh.Mesh.Identities)
        {
            replica.Resume();
        }

        // 1. A session that ended after the restore is refused, although verifiers have seen its position before.
        await AssertRefusedAsync(endedAfterwards);
        await AssertRefusedAsync(endedAfterThat);

        // 2. A session that ended before the restore stays ended, in its row too, and for verifiers that start now.
        await Patience.UntilAsync(async () => await mesh.Database.ScalarAsync<long>(
            "SELECT count(*) FROM sessions WHERE id = $1 AND ended_at IS NOT NULL", TokenText.SessionId(endedLater)) == 1);
        await AssertRefusedAsync(endedLater);
        await AssertRefusedAsync(raisedLater);
        await using var late = await ServiceProcess.StartAsync("resource-service", mesh.Mesh.Resource.Settings, "Production");
        await late.WaitUntilReadyAsync(cancellation: TestContext.Current.CancellationToken);
        using var lateCaller = new Caller(late);
        foreach (var token in new[] { endedLater, raisedLater, endedAfterwards, endedAfterThat })
        {
            (await lateCaller.GetAsync("/protected", token)).AssertError(401, "invalid_token");
        }

        // 3. The affected users can sign in again, and the log asks for an operator.
        await AssertAcceptedAsync(await mesh.Gateways[0].TokenAsync(name, password));
        await AssertAcceptedAsync(await mesh.Gateways[0].TokenAsync(raisedName, raisedPassword));
        await Patience.UntilAsync(() => mesh.Mesh.Identities.Any(
            replica => replica.Output.Contains("lost an acknowledged revocation", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task A_log_whose_old_entries_were_cleaned_up_does_not_count_as_restored()
    {
        await mesh.WholeAsync();
        var (_, _, token) = await mesh.SignUpAsync();
        var subject = Guid.NewGuid().ToString();
        await mesh.Database.ExecuteAsync(
            """
            INSERT INTO revocations (position, mark, kind, subject, written_at)
            VALUES (nextval('revocation_positions'), gen_random_uuid(), 'session-ended', $1, now() - interval '71 minutes')
            """,
            subject);
        await mesh.Database.ExecuteAsync("NOTIFY authmesh_revocations");
        await using var listener = Feed.Open(mesh.Identities[0]);
        await listener.UntilBeatAsync(); // the replica has read it
        Assert.Equal(1, await mesh.Database.ExecuteAsync("DELETE FROM revocations WHERE subject = $1", subject));

        await EndAsync(token);

        await AssertRefusedAsync(token);
        Assert.Equal(0, await mesh.Database.ScalarAsync<long>("SELECT count(*) FROM revocations WHERE subject = $1", subject));
    }

    /// <summary>The entry in the revocation log is written at the commit, so that is where PostgreSQL may refuse the change.</summary>
    [Fact]
    public async Task A_change_that_cannot_be_committed_gets_503_and_has_no_effect()
    {
        await mesh.WholeAsync();
        var identity = mesh.Identities[0];
        var users = new List<SignedIn>();
        for (var i = 0; i < 7; i++)
        {
            users.Add(await identity.SignUpAsync());
        }

        SignedIn[] others = [await identity.SignInAgainAsync(users[1]), await identity.SignInAgainAsync(users[2])];
        await mesh.Database.ExecuteAsync("UPDATE users SET role = 'admin' WHERE id = $1", users[6].UserId);
        var admin = await identity.SignInAgainAsync(users[6]);
        await using (var holder = new NpgsqlConnection(mesh.Database.ConnectionString))
        {
            await holder.OpenAsync(TestContext.Current.CancellationToken);
            await using var hold = new NpgsqlCommand("SELECT pg_advisory_lock(7022647185815400295)", holder); // the log's
            await hold.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);

            var answers = await Task.WhenAll(
                identity.LogoutAsync(users[0].Token),
                identity.CallAsync(HttpMethod.Delete, $"/account/sessions/{others[0].SessionId}", users[1].Token),
                identity.CallAsync(HttpMethod.Delete, "/account/sessions", users[2].Token),
                identity.ChangePasswordAsync(users[3].Token, users[3].Password, "another password"),
                identity.DeleteAccountAsync(users[4].Token, users[4].Password),
                identity.CallAsync(HttpMethod.Delete, $"/users/{users[5].UserId}/sessions", admin.Token));

            Assert.All(answers, answer => answer.AssertError(503, "database_unavailable"));
        }

        foreach (var user in users.Concat(others).Append(admin))
        {
            Assert.Equal(200, (await identity.RefreshAsync(user.RefreshToken)).Status);
        }
    }

    private async Task EndAsync(string token) => Assert.Equal(
        1, await mesh.Database.ExecuteAsync("UPDATE sessions SET ended_at = now() WHERE id = $1", TokenText.SessionId(token)));

    private static string ForeignToken()
    {
        var stranger = new Forge(
            "nobodys-key", System.Security.Cryptography.ECDsa.Create(System.Security.Cryptography.ECCurve.NamedCurves.nistP256));
        return stranger.Sign(stranger.Header(), Forge.Claims());
    }

    private async Task AssertAcceptedAsync(string token)
    {
        foreach (var verifier in mesh.Verifiers)
        {
            Assert.Equal(200, (await verifier.GetAsync("/protected", token)).Status);
        }
    }

    private async Task AssertRefusedAsync(string token)
    {
        foreach (var verifier in mesh.Verifiers)
        {
            await Patience.UntilAsync(() => verifier.GetAsync("/protected", token), answer => answer.Status == 401);
        }
    }
}
