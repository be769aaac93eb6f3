using System.Diagnostics.Metrics;
using AuthMesh.Identity;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Npgsql;

namespace AuthMesh.Tests.Faults;

/// <summary><c>Identity:Database:RequireDurability=quorum</c>: a write is acknowledged when two hosts have it, or not at all.</summary>
[Collection<OnPostgresPair>]
public sealed class QuorumTests(PostgresPair pair)
{
    private static readonly KeyValuePair<string, string> Quorum = new("Identity:Database:RequireDurability", "quorum");

    [Fact]
    public async Task Without_a_second_host_writes_get_503_and_nothing_is_acknowledged()
    {
        await pair.WholeAsync();
        await pair.RequireAsync("*");
        await using var service = await pair.StartServiceAsync(pair.ConnectionString(), Quorum);
        await service.WaitUntilReadyAsync(cancellation: TestContext.Current.CancellationToken);
        using var identity = new Caller(service);
        var (user, other) = (await identity.SignUpAsync(), await identity.SignUpAsync());
        await Patience.UntilAsync(() => identity.GetAsync("/health/ready"), answer => answer.Message == "Ready");

        pair.Second.Suspend();
        AssertComeBackLater(await identity.RegisterAsync(ProductionMesh.NewName(), user.Password));
        AssertComeBackLater(await identity.ChangePasswordAsync(other.Token, other.Password, "another password"));
        AssertComeBackLater(await identity.LogoutAsync(user.Token));
        // PostgreSQL shows the end of the session now, although one host only has it. A repeated logout must not rely on that.
        await Patience.UntilAsync(async () => await pair.OfFirst.ScalarAsync<long>(
            "SELECT count(*) FROM sessions WHERE id = $1 AND ended_at IS NOT NULL", user.SessionId) == 1);
        AssertComeBackLater(await identity.LogoutAsync(user.Token));
        AssertComeBackLater(await identity.CallAsync(HttpMethod.Delete, $"/account/sessions/{Guid.NewGuid()}", other.Token));
        AssertComeBackLater(await identity.CallAsync(HttpMethod.Delete, "/account/totp", other.Token));
        AssertComeBackLater(await identity.CallAsync(HttpMethod.Delete, $"/account/passkeys/{Guid.NewGuid()}", other.Token));
        Assert.Equal(200, (await identity.GetAsync("/.well-known/jwks.json")).Status);

        pair.Second.Resume();
        await Patience.UntilAsync(() => identity.RegisterAsync(ProductionMesh.NewName(), user.Password), answer => answer.Status == 200);
        Assert.Equal(200, (await identity.LogoutAsync(user.Token)).Status);
        await Patience.UntilAsync(() => identity.GetAsync("/health/ready"), answer => answer.Message == "Ready");
    }

    [Fact]
    public async Task A_commit_whose_wait_PostgreSQL_canceled_is_a_failure_although_PostgreSQL_answers_that_it_succeeded()
    {
        await pair.WholeAsync();
        await pair.OfFirst.ExecuteAsync("CREATE TABLE written (name text)");
        await pair.RequireAsync("*");
        var settings = pair.First.ConnectionString + ";Options=-c synchronous_commit=on";
        await using var primary = new Primary(NpgsqlDataSource.Create(settings));
        await using var db = new IdentityDb(
            new DbContextOptionsBuilder<IdentityDb>().UseNpgsql(primary.CreateConnection(), contextOwnsConnection: true)
                .AddInterceptors(new ThrowIfUnconfirmed(primary)).Options,
            Modules.Entities);
        var stop = TestContext.Current.CancellationToken;
        await WriteAsync("before");

        pair.Second.Suspend();

        // 1. Npgsql alone reports success.
        Assert.Equal(1, await CanceledAsync(new Database(settings).ExecuteAsync("INSERT INTO written VALUES ('by Npgsql')")));

        // 2. Each way in which this service writes fails.
        await AssertFailsAsync(WriteAsync("by a statement"));
        await AssertFailsAsync(db.Database.ExecuteSqlAsync($"INSERT INTO written VALUES ('by Entity Framework')", stop));
        await using (var transaction = await db.Database.BeginTransactionAsync(stop))
        {
            await db.Database.ExecuteSqlAsync($"INSERT INTO written VALUES ('in a transaction')", stop);
            await AssertFailsAsync(transaction.CommitAsync(stop));
        }

        // 3. The rows are there, and statements that write nothing do not wait. The failure does not stick to the connection.
        Assert.Equal(5, await db.Database.SqlQuery<int>($"SELECT count(*)::int AS \"Value\" FROM written").SingleAsync(stop));
        pair.Second.Resume();
        Assert.Equal(1, await db.Database.ExecuteSqlAsync($"INSERT INTO written VALUES ('after')", stop));
        await WriteAsync("after");

        async Task WriteAsync(string name)
        {
            await using var command = primary.CreateCommand("INSERT INTO written VALUES ($1) RETURNING name");
            command.Parameters.AddWithValue(name);
            Assert.Equal(name, await command.ReadCommittedRowAsync(row => row.GetString(0), stop));
        }

        async Task AssertFailsAsync(Task write)
        {
            var exception = await Assert.ThrowsAsync<UnconfirmedCommitException>(() => CanceledAsync(Result(write)));
            Assert.Equal(
                "PostgreSQL has no second host that confirms a commit", DatabaseUnavailable.Classify(exception)!.Description);
        }

        static async Task<bool> Result(Task task)
        {
            await task;
            return true;
        }
    }

    // As an operator does, or Npgsql after a timeout.
    private async Task<T> CanceledAsync<T>(Task<T> write)
    {
        await Patience.UntilAsync(async () => write.IsCompleted || await pair.OfFirst.ScalarAsync<long>(
            "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'") > 0);
        return await write;
    }

    [Fact]
    public async Task The_start_waits_until_PostgreSQL_waits_for_a_second_host_and_shows_its_standbys()
    {
        await pair.WholeAsync();
        var role = "limited_" + Guid.NewGuid().ToString("N");
        await pair.OfFirst.ExecuteAsync($"CREATE ROLE {role} LOGIN PASSWORD 'secret'; GRANT USAGE, CREATE ON SCHEMA public TO {role}");
        await using var service = await pair.StartServiceAsync(pair.ConnectionString($"Username={role};Password=secret"), Quorum);
        using var identity = new Caller(service);

        await UntilNotReadyAsync("PostgreSQL does not show its standbys to the service's user. GRANT pg_monitor TO …;");
        await pair.OfFirst.ExecuteAsync($"GRANT pg_monitor TO {role}");
        await UntilNotReadyAsync("PostgreSQL answers commits that only one host has (asynchronous). Set synchronous_mode and");
        await pair.RequireAsync("*");

        await Patience.UntilAsync(() => identity.GetAsync("/health/ready"), answer => answer.Message == "Ready");
        Assert.Equal(200, (await identity.RegisterAsync("somebody", "a password for a test")).Status);

        async Task UntilNotReadyAsync(string reason)
        {
            var answer = await Patience.UntilAsync(
                () => identity.GetAsync("/health/ready"), answer => answer.Text.Contains(reason, StringComparison.Ordinal));
            answer.AssertError(503, "not_ready");
        }
    }

    [Fact]
    public async Task The_metric_and_the_readiness_report_quorum_asynchronous_or_single()
    {
        await pair.WholeAsync();
        using var services = new ServiceCollection().AddMetrics().BuildServiceProvider();
        var meters = services.GetRequiredService<IMeterFactory>();
        var states = new Dictionary<string, int>();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, listening) =>
            {
                if (instrument.Meter.Scope == meters) listening.EnableMeasurementEvents(instrument);
            },
        };
        listener.SetMeasurementEventCallback<int>((_, value, tags, _) => states[(string)tags[0].Value!] = value);
        listener.Start();
        var options = Options.Create(
            new DatabaseOptions { ConnectionString = pair.ConnectionString(), RequireDurability = RequiredDurability.Quorum });
        await using var primary = new Primary(NpgsqlDataSource.Create(options.Value.ReadHosts()[0]));
        using var report = new ReportDurability(
            primary, options, meters, TimeProvider.System, NullLogger<ReportDurability>.Instance);
        await using var stripped = new Primary(NpgsqlDataSource.Create(pair.First.ConnectionString)); // as by a pooler
        using var reportOfStripped = new ReportDurability(
            stripped, options, meters, TimeProvider.System, NullLogger<ReportDurability>.Instance);

        Assert.Equal("PostgreSQL answers commits that only one host has (asynchronous)", await LookAsync("asynchronous"));
        await pair.RequireAsync("*");
        await Patience.UntilAsync(() => pair.OfFirst.ScalarAsync<bool>("SELECT sync_state = 'sync' FROM pg_stat_replication"));
        Assert.Null(await LookAsync("quorum"));
        await report.DemandAsync(TestContext.Current.CancellationToken);
        await Assert.ThrowsAsync<NotDurableException>(() => reportOfStripped.DemandAsync(TestContext.Current.CancellationToken));
        await pair.Second.StopAsync();
        await Patience.UntilAsync(() => pair.OfFirst.ScalarAsync<bool>("SELECT count(*) = 0 FROM pg_stat_replication"));
        Assert.Equal("PostgreSQL has no standby that confirms commits (single), so writes fail", await LookAsync("single"));
        await pair.RequireAsync("");
        Assert.Equal("PostgreSQL answers commits that only one host has (single)", await LookAsync("single"));
        await pair.Second.StartAgainAsync();

        async Task<string?> LookAsync(string expected)
        {
            await report.LookAsync(TestContext.Current.CancellationToken);
            listener.RecordObservableInstruments();
            Assert.Equal(3, states.Count);
            Assert.Equal(expected, states.Single(state => state.Value == 1).Key);
            var health = await report.CheckHealthAsync(new HealthCheckContext(), TestContext.Current.CancellationToken);
            return health.Description?.Split(". ")[0];
        }
    }

    private static void AssertComeBackLater(Answer answer)
    {
        answer.AssertError(503, "database_unavailable");
        Assert.Equal("2", answer.Header("Retry-After"));
    }
}

/// <summary>Classes that suspend, kill and promote the servers of one pair, one class at a time.</summary>
[CollectionDefinition]
public sealed class OnPostgresPair : ICollectionFixture<PostgresPair>;
