using System.Net;
using System.Net.ServerSentEvents;
using System.Net.Sockets;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.LocalMesh;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using Npgsql;

namespace AuthMesh.Tests.Faults;

/// <summary>A connection string names two servers, and the second becomes the primary. Nothing is restarted.</summary>
[Collection<OnPostgresPair>]
public sealed class FailOverTests(PostgresPair pair)
{
    [Fact]
    public async Task After_a_fail_over_that_lost_a_tail_everything_works_again_and_what_a_replica_knows_to_be_revoked_ends_again()
    {
        await pair.WholeAsync();
        var mails = Directory.CreateTempSubdirectory("authmesh-tests-").FullName;
        await using var service = await pair.StartServiceAsync(
            pair.ConnectionString(), new("Identity:Mail:PickupFolder", mails),
            new("Identity:Mail:From", "The Example <no-reply@example.test>"));
        await service.WaitUntilReadyAsync(cancellation: TestContext.Current.CancellationToken);
        using var identity = new Caller(service);
        var (ended, live) = (await identity.SignUpAsync(), await identity.SignUpAsync());
        Assert.Equal(200, (await identity.LogoutAsync((await identity.SignInAgainAsync(ended)).Token)).Status); // both servers have it
        await using var feed = Feed.Open(identity);
        await feed.UntilBeatAsync();

        // 1. The second server misses the end of a session.
        const string Newest = "SELECT max(position) FROM revocations";
        var newest = await pair.OfFirst.ScalarAsync<long>(Newest);
        await Patience.UntilAsync(async () => await pair.OfSecond.ScalarAsync<long>(Newest) == newest);
        await pair.Second.StopAsync();
        Assert.Equal(200, (await identity.LogoutAsync(ended.Token)).Status);
        var heard = await UntilEndedAsync(feed, ended.SessionId);

        // 2. It becomes the primary. Until then, writes get 503 with Retry-After.
        await pair.First.KillAsync();
        await pair.Second.StartAgainAsync();
        var away = await identity.LoginAsync(live.Username, live.Password);
        away.AssertError(503, "database_unavailable");
        Assert.Equal("2", away.Header("Retry-After"));
        await pair.PromoteSecondAsync();

        // 3. Sign-in with its throttle, refresh and registration work again.
        await Patience.UntilAsync(() => identity.LoginAsync(live.Username, live.Password), answer => answer.Status == 200);
        Assert.Equal(200, (await identity.RefreshAsync(live.RefreshToken)).Status);
        Assert.Equal(200, (await identity.RegisterAsync(ProductionMesh.NewName(), live.Password)).Status);
        await Patience.UntilAsync(() => identity.GetAsync("/health/ready"), answer => answer.Message == "Ready");

        // 4. The lost revocation holds: for this replica, in the row, and for verifiers that come later or come back.
        await service.UntilLoggedAsync("lost an acknowledged revocation");
        await Patience.UntilAsync(async () => await pair.OfSecond.ScalarAsync<long>(
            "SELECT count(*) FROM sessions WHERE id = $1 AND ended_at IS NOT NULL", ended.SessionId) == 1);
        (await identity.GetAsync("/account", ended.Token)).AssertError(401, "invalid_token");
        Assert.Equal(401, (await identity.RefreshAsync(ended.RefreshToken)).Status);
        await using var back = Feed.Open(identity, heard.EventId);
        var whole = await back.UntilBeatAsync();
        Assert.True(whole.Count >= 2, $"{whole.Count} entries");
        Assert.Contains(whole, item => item.Data.Contains(ended.SessionId.ToString(), StringComparison.Ordinal));

        // 5. The feed follows the new primary, and its outbox is emptied.
        Assert.Equal(200, (await identity.LogoutAsync(live.Token)).Status);
        await UntilEndedAsync(feed, live.SessionId);
        await pair.OfSecond.ExecuteAsync(
            """
            INSERT INTO mails (id, kind, user_id, address, language, data, created_at, due_at, expires_at, attempts)
            VALUES (
                gen_random_uuid(), 'PasswordChanged', $1, 'somebody@example.test', 'en', '{}', now(), now(), now() + interval '1 day', 0)
            """,
            live.UserId);
        await Patience.UntilAsync(() => Directory.GetFiles(mails).Length > 0);
        Directory.Delete(mails, recursive: true);
    }

    [Fact]
    public async Task Of_two_servers_that_both_claim_to_be_the_primary_the_promoted_one_is_used()
    {
        await pair.WholeAsync();
        await using var service = await pair.StartServiceAsync(pair.ConnectionString());
        await service.WaitUntilReadyAsync(cancellation: TestContext.Current.CancellationToken);
        using var identity = new Caller(service);
        var user = await identity.SignUpAsync();
        await Patience.UntilAsync(async () => await pair.OfSecond.ScalarAsync<long>("SELECT count(*) FROM users") > 0);

        await pair.PromoteSecondAsync(); // nobody tells the first one

        await using var first = NpgsqlDataSource.Create(pair.First.ConnectionString);
        await using var second = NpgsqlDataSource.Create(pair.Second.ConnectionString);
        var stopped = new FakeTimeProvider(); // a busy machine must not end the search before both have answered
        Assert.Same(second, FindPrimary.Newest(await FindPrimary.AskAsync([first, second], source => source, stopped))!.Host);
        Assert.Same(first, FindPrimary.Newest(await FindPrimary.AskAsync([first], source => source, stopped))!.Host);

        await Patience.UntilAsync(async () =>
        {
            await pair.OfFirst.ExecuteAsync(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'identity-service'");
            var name = ProductionMesh.NewName();
            await identity.RegisterAsync(name, user.Password);
            return await pair.OfSecond.ScalarAsync<long>("SELECT count(*) FROM users WHERE username = $1", name) == 1;
        });
        await service.UntilLoggedAsync($"The primary is now {Loopback.Address}:{pair.Second.Port}");

        // The first one is not used again while the second one is away, although it still answers.
        await pair.Second.KillAsync();
        var late = ProductionMesh.NewName();
        (await identity.RegisterAsync(late, user.Password)).AssertError(503, "database_unavailable");
        await service.UntilLoggedAsync("was a primary earlier");
        (await identity.RegisterAsync(late, user.Password)).AssertError(503, "database_unavailable");
        Assert.Equal(0, await pair.OfFirst.ScalarAsync<long>("SELECT count(*) FROM users WHERE username = $1", late));
    }

    [Fact]
    public async Task A_primary_that_was_replaced_is_used_again_if_it_stays_the_only_one()
    {
        await pair.WholeAsync();
        var clock = new FakeTimeProvider();
        await using var primary = new Primary(
            Options.Create(new DatabaseOptions { ConnectionString = pair.ConnectionString() }), clock, NullLoggerFactory.Instance);
        await pair.PromoteSecondAsync();
        await Patience.UntilAsync(async () => await pair.OfSecond.ScalarAsync<bool>("SELECT NOT pg_is_in_recovery()"));
        await primary.FindAsync(TestContext.Current.CancellationToken);
        Assert.Equal(pair.Second.Port, await PortAsync());

        await pair.Second.KillAsync();
        await SearchAsync(TimeSpan.FromSeconds(1));
        Assert.Contains("was a primary earlier", Assert.Throws<NoPrimaryException>(primary.ThrowIfMissing).Message);
        await SearchAsync(TimeSpan.FromSeconds(58));
        Assert.Throws<NoPrimaryException>(primary.ThrowIfMissing);

        // While it is silent, its minute begins anew.
        pair.First.Suspend();
        await SearchAsync(TimeSpan.FromSeconds(1));
        pair.First.Resume();
        await SearchAsync(TimeSpan.FromSeconds(3));
        Assert.Throws<NoPrimaryException>(primary.ThrowIfMissing);
        await SearchAsync(TimeSpan.FromSeconds(58));
        Assert.Throws<NoPrimaryException>(primary.ThrowIfMissing);
        await SearchAsync(TimeSpan.FromSeconds(2));
        Assert.Equal(pair.First.Port, await PortAsync());

        async Task<int> PortAsync()
        {
            await using var connection = await primary.OpenConnectionAsync(TestContext.Current.CancellationToken);
            return connection.Port;
        }

        async Task SearchAsync(TimeSpan later)
        {
            clock.Advance(later);
            await primary.Search();
        }
    }

    [Fact]
    public async Task A_server_without_a_free_connection_for_the_search_stays_the_primary()
    {
        await pair.WholeAsync();
        await pair.OfFirst.ExecuteAsync("DROP ROLE IF EXISTS limited; CREATE ROLE limited LOGIN CONNECTION LIMIT 1 PASSWORD 'limited'");
        var settings = new NpgsqlConnectionStringBuilder(pair.ConnectionString()) { Username = "limited", Password = "limited" };
        var clock = new FakeTimeProvider();
        await using var primary = new Primary(
            Options.Create(new DatabaseOptions { ConnectionString = settings.ConnectionString }), clock, NullLoggerFactory.Instance);
        var stop = TestContext.Current.CancellationToken;
        await using (await primary.OpenConnectionAsync(stop))
        {
            clock.Advance(TimeSpan.FromSeconds(1));
            await primary.Search();
        }

        await using var again = await primary.OpenConnectionAsync(stop); // the one of the pool
        Assert.Equal(pair.First.Port, again.Port);
    }

    [Fact]
    public async Task A_full_server_stays_the_primary_beside_one_that_it_replaced()
    {
        await pair.WholeAsync();
        await pair.OfFirst.ExecuteAsync("DROP ROLE IF EXISTS limited; CREATE ROLE limited LOGIN CONNECTION LIMIT 1 PASSWORD 'limited'");
        const string Exists = "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = 'limited')";
        await Patience.UntilAsync(() => pair.OfSecond.ScalarAsync<bool>(Exists));
        await pair.PromoteSecondAsync();
        await Patience.UntilAsync(async () => await pair.OfSecond.ScalarAsync<bool>("SELECT NOT pg_is_in_recovery()"));
        var settings = new NpgsqlConnectionStringBuilder(pair.ConnectionString()) { Username = "limited", Password = "limited" };
        var clock = new FakeTimeProvider();
        await using var primary = new Primary(
            Options.Create(new DatabaseOptions { ConnectionString = settings.ConnectionString }), clock, NullLoggerFactory.Instance);
        await using (var connection = await primary.OpenConnectionAsync(TestContext.Current.CancellationToken))
        {
            Assert.Equal(pair.Second.Port, connection.Port);
            foreach (var seconds in (int[])[1, 61, 61])
            {
                clock.Advance(TimeSpan.FromSeconds(seconds));
                await primary.Search();
            }
        }

        await using var again = await primary.OpenConnectionAsync(TestContext.Current.CancellationToken);
        Assert.Equal(pair.Second.Port, again.Port);
    }

    [Fact]
    public async Task A_host_that_never_answers_delays_no_request()
    {
        await pair.WholeAsync();
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start();
        var (met, stop) = (0, TestContext.Current.CancellationToken);
        _ = Task.Run(
            async () =>
            {
                while (true)
                {
                    await silent.AcceptSocketAsync(stop); // and never a word
                    Interlocked.Increment(ref met);
                }
            },
            stop);
        var first = new NpgsqlConnectionStringBuilder(pair.First.ConnectionString);
        first.Host = $"{silent.LocalEndpoint},{first.Host}:{first.Port}";
        first.SslMode = SslMode.Disable; // or Npgsql would try once with it and once without
        await using var service = await pair.StartServiceAsync(first.ConnectionString);
        await service.WaitUntilReadyAsync(cancellation: TestContext.Current.CancellationToken);
        using var identity = new Caller(service);
        var user = await identity.SignUpAsync();
        Assert.Equal(1, met); // the search for the primary

        for (var i = 0; i < 20; i++)
        {
            Assert.Equal(200, (await identity.LoginAsync(user.Username, user.Password)).Status);
        }

        Assert.Equal(1, met);
    }

    [Fact]
    public async Task Without_a_primary_the_reason_of_a_refusal_is_kept()
    {
        await pair.WholeAsync();
        var wrong = new NpgsqlConnectionStringBuilder(pair.First.ConnectionString) { Password = "wrong", Pooling = false };
        await using var refusing = NpgsqlDataSource.Create(wrong.ConnectionString);
        await using var standby = NpgsqlDataSource.Create(pair.Second.ConnectionString);

        Assert.Equal(FaultKind.Repairable, (await FaultAmongAsync(refusing, standby)).Kind);
        var fault = await FaultAmongAsync(standby);
        Assert.Equal((FaultKind.Passing, "PostgreSQL has no primary, as during a fail-over"), (fault.Kind, fault.Description));

        static async Task<DatabaseFault> FaultAmongAsync(params NpgsqlDataSource[] hosts)
        {
            var answers = await FindPrimary.AskAsync(hosts, source => source, TimeProvider.System);
            Assert.Null(FindPrimary.Newest(answers));
            return DatabaseUnavailable.Classify(new NoPrimaryException(FindPrimary.Reason(answers)))!;
        }
    }

    private static async Task<SseItem<string>> UntilEndedAsync(Feed feed, Guid sessionId)
    {
        while (true)
        {
            if (await feed.NextAsync() is { EventType: "session-ended" } item
                && item.Data.Contains(sessionId.ToString(), StringComparison.Ordinal))
            {
                return item;
            }
        }
    }
}
