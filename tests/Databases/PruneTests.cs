using AuthMesh.Identity;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Tests.Harness;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using Npgsql;

namespace AuthMesh.Tests.Databases;

public sealed class PruneTests(ProductionMesh mesh) : IAsyncLifetime
{
    private static readonly PruneStatement[] Statements =
        [.. new ServiceCollection().AddModules().Select(service => service.ImplementationInstance).OfType<PruneStatement>()];

    private Database database = null!;

    public async ValueTask InitializeAsync()
    {
        database = new Database(await mesh.Postgres.CreateDatabaseAsync());
        await using var db = database.Open();
        await db.Database.MigrateAsync(TestContext.Current.CancellationToken);
        await database.ExecuteAsync(
            """
            INSERT INTO users (id, username, normalized_username, password_hash, role, epoch, is_demo, created_at)
            VALUES ('00000000-0000-0000-0000-000000000001', 'somebody', 'somebody', '', 'user', 1, false, now())
            """);
    }

    [Fact]
    public async Task Pruning_deletes_only_sessions_that_ended_expired_or_have_an_old_epoch()
    {
        await AddAsync(3);
        await AddAsync(1_200, ended: "now()");
        await AddAsync(1_200, expires: "now()");
        await AddAsync(4, epoch: 0);

        Assert.Equal(2_404, await PruneAsync());

        Assert.Equal(3, await CountAsync());
        Assert.Equal(
            3, await database.ScalarAsync<long>(
                "SELECT count(*) FROM sessions WHERE epoch = 1 AND ended_at IS NULL AND expires_at > now()"));
        Assert.Equal(0, await PruneAsync());
    }

    [Fact]
    public async Task Pruning_deletes_dead_sessions_of_applications_too()
    {
        await database.ExecuteAsync(
            """
            INSERT INTO applications (id, client_id, name, scopes, created_at)
            VALUES ('00000000-0000-0000-0000-000000000002', 'an-application', '', '{a}', now());
            INSERT INTO sessions (
                id, kind, application_id, epoch, created_at, last_used_at, expires_at, device, network, methods, ended_at)
            SELECT gen_random_uuid(), 'service', '00000000-0000-0000-0000-000000000002', 0, now(), now(), expires_at, '', '', '{}', ended_at
            FROM (VALUES (now() + interval '1 day', NULL), (now(), NULL), (now() + interval '1 day', now())) row (expires_at, ended_at)
            """);

        Assert.Equal(2, await PruneAsync());

        Assert.Equal(1, await CountAsync());
    }

    [Fact]
    public async Task Pruning_skips_a_locked_session_and_deletes_it_later()
    {
        await AddAsync(5, ended: "now()");
        await using var connection = new NpgsqlConnection(database.ConnectionString);
        await connection.OpenAsync(TestContext.Current.CancellationToken);
        await using (var transaction = await connection.BeginTransactionAsync(TestContext.Current.CancellationToken))
        {
            await using var command = new NpgsqlCommand("SELECT 1 FROM sessions LIMIT 1 FOR UPDATE", connection);
            await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);

            Assert.Equal(4, await PruneAsync());
        }

        Assert.Equal(1, await PruneAsync());
    }

    [Fact]
    public async Task Replicas_that_prune_at_once_share_the_work()
    {
        await AddAsync(3_000, expires: "now()");
        await AddAsync(1);

        var counts = await Together.RunAsync(4, _ => PruneAsync());

        Assert.Equal(3_000, counts.Sum());
        Assert.Equal(1, await CountAsync());
    }

    [Fact]
    public async Task Pruning_deletes_revocations_that_no_token_needs_but_keeps_the_newest()
    {
        await database.ExecuteAsync(
            """
            INSERT INTO revocations (position, mark, kind, subject, written_at) VALUES
                (1, gen_random_uuid(), 'key-distrusted', 'long-ago', now() - interval '71 minutes'),
                (2, gen_random_uuid(), 'key-distrusted', 'needed', now() - interval '69 minutes')
            """);

        await PruneAsync();
        Assert.Equal("needed", await database.ScalarAsync<string>("SELECT string_agg(subject, ', ' ORDER BY position) FROM revocations"));

        await database.ExecuteAsync("UPDATE revocations SET written_at = now() - interval '2 days'");
        await PruneAsync();
        Assert.Equal("needed", await database.ScalarAsync<string>("SELECT string_agg(subject, ', ' ORDER BY position) FROM revocations"));
    }

    [Fact]
    public async Task Pruning_deletes_used_assertions_an_hour_after_they_expired()
    {
        await database.ExecuteAsync(
            """
            INSERT INTO applications (id, client_id, name, scopes, created_at)
            VALUES ('00000000-0000-0000-0000-000000000002', 'app', '', '{a}', now());
            INSERT INTO used_assertions (application_id, id_hash, expires_at)
            SELECT '00000000-0000-0000-0000-000000000002', sha256(i::text::bytea),
                now() - CASE WHEN i > 2500 THEN interval '59 minutes' ELSE interval '61 minutes' END
            FROM generate_series(1, 2502) i
            """);

        await PruneAsync();

        Assert.Equal(2, await database.ScalarAsync<long>("SELECT count(*) FROM used_assertions"));
    }

    [Fact]
    public async Task Pruning_deletes_attempt_counts_whose_window_is_over()
    {
        const string add =
            "INSERT INTO attempt_counts (key, count, resets_at) SELECT sha256($1::text::bytea || i::text::bytea), 3, $2::timestamptz FROM "
            + "generate_series(1, $3) i";
        await database.ExecuteAsync(add, "over", TimeProvider.System.GetUtcNow().AddMinutes(-1), 2_500);
        await database.ExecuteAsync(add, "forgiven", DateTime.MinValue.ToUniversalTime(), 3);
        await database.ExecuteAsync(add, "counting", TimeProvider.System.GetUtcNow().AddMinutes(1), 4);

        Assert.Equal(0, await PruneAsync()); // sessions

        Assert.Equal(4, await database.ScalarAsync<long>("SELECT count(*) FROM attempt_counts"));
    }

    [Fact]
    public async Task Pruning_deletes_expired_proofs_and_mail_requests_that_nobody_answered()
    {
        const string proof =
            """
            INSERT INTO account_proofs (token_hash, purpose, user_id, factors_epoch, created_at, expires_at)
            SELECT sha256($1::text::bytea || i::text::bytea), 'PasswordReset', '00000000-0000-0000-0000-000000000001', 0, now(), $2
            FROM generate_series(1, $3) i
            """;
        const string request =
            """
            INSERT INTO mail_requests (id, account, network, language, created_at)
            SELECT gen_random_uuid(), $1, '', 'en', $2 FROM generate_series(1, $3)
            """;
        var now = TimeProvider.System.GetUtcNow();
        await database.ExecuteAsync(proof, "expired", now.AddMinutes(-1), 1_200);
        await database.ExecuteAsync(proof, "live", now.AddMinutes(1), 4);
        await database.ExecuteAsync(request, "old", now.AddMinutes(-61), 1_200);
        await database.ExecuteAsync(request, "new", now.AddMinutes(-59), 5);

        await PruneAsync();

        Assert.Equal((4, 5), (
            await database.ScalarAsync<long>("SELECT count(*) FROM account_proofs"),
            await database.ScalarAsync<long>("SELECT count(*) FROM mail_requests WHERE account = 'new'")));
        Assert.Equal(5, await database.ScalarAsync<long>("SELECT count(*) FROM mail_requests"));
    }

    [Fact]
    public async Task Pruning_deletes_used_challenges_that_have_expired()
    {
        const string add =
            "INSERT INTO used_challenges (nonce, expires_at) SELECT sha256($1::text::bytea || i::text::bytea), $2 FROM "
            + "generate_series(1, $3) i";
        await database.ExecuteAsync(add, "expired", TimeProvider.System.GetUtcNow().AddMinutes(-1), 1_200);
        await database.ExecuteAsync(add, "live", TimeProvider.System.GetUtcNow().AddMinutes(1), 4);

        await PruneAsync();

        Assert.Equal(4, await database.ScalarAsync<long>("SELECT count(*) FROM used_challenges"));
    }

    [Fact]
    public async Task Pruning_deletes_device_codes_an_hour_after_they_expired()
    {
        const string add =
            """
            INSERT INTO device_authorizations (
                device_code_hash, user_code, application_id, client_epoch, scopes, network, device, expires_at, next_poll_at,
                interval_seconds)
            SELECT sha256($1::text::bytea || i::text::bytea), $1 || i, '00000000-0000-0000-0000-000000000002', 0, '{a}', '', '', $2,
                now(), 5
            FROM generate_series(1, $3) i
            """;
        await database.ExecuteAsync(
            """
            INSERT INTO applications (id, client_id, name, scopes, created_at)
            VALUES ('00000000-0000-0000-0000-000000000002', 'an-application', '', '{a}', now())
            """);
        await database.ExecuteAsync(add, "old", TimeProvider.System.GetUtcNow().AddMinutes(-61), 1_200);
        await database.ExecuteAsync(add, "new", TimeProvider.System.GetUtcNow().AddMinutes(-59), 3);
        await database.ExecuteAsync(add, "live", TimeProvider.System.GetUtcNow().AddMinutes(1), 4);

        await PruneAsync();

        Assert.Equal(7, await database.ScalarAsync<long>("SELECT count(*) FROM device_authorizations"));
    }

    [Fact]
    public async Task Pruning_deletes_authorization_codes_that_nobody_used_at_once_and_used_ones_after_a_day()
    {
        const string add =
            """
            INSERT INTO authorization_codes (
                code_hash, application_id, user_id, parent_id, epoch, client_epoch, challenge, scopes, expires_at, spent_at)
            SELECT sha256($1::text::bytea || i::text::bytea), '00000000-0000-0000-0000-000000000003',
                '00000000-0000-0000-0000-000000000001', (SELECT id FROM sessions LIMIT 1), 0, 0, '', '{a}', $2,
                CASE WHEN $3 THEN now() END
            FROM generate_series(1, $4) i
            """;
        await database.ExecuteAsync(
            """
            INSERT INTO applications (id, client_id, name, scopes, created_at)
            VALUES ('00000000-0000-0000-0000-000000000003', 'another-application', '', '{a}', now())
            """);
        await AddAsync(1);
        var now = TimeProvider.System.GetUtcNow();
        await database.ExecuteAsync(add, "unused", now.AddMinutes(-1), false, 1_200);
        await database.ExecuteAsync(add, "waiting", now.AddMinutes(1), false, 3);
        await database.ExecuteAsync(add, "used", now.AddHours(-23), true, 4);
        await database.ExecuteAsync(add, "used long ago", now.AddHours(-25), true, 1_200);

        await PruneAsync();

        Assert.Equal(7, await database.ScalarAsync<long>("SELECT count(*) FROM authorization_codes"));
    }

    [Fact]
    public async Task Pruning_runs_every_hour_and_survives_an_outage()
    {
        await AddAsync(2, ended: "now()");
        var address = "Host=127.0.0.1;Port=9;Timeout=1"; // the discard port, on which nothing listens
        var services = new ServiceCollection()
            .AddSingleton(Modules.Entities)
            .AddDbContext<IdentityDb>((_, options) => options.UseNpgsql(address))
            .BuildServiceProvider();
        var clock = new WatchedTime();
        var log = new CountingLogger();
        using var prune = new Prune(services.GetRequiredService<IServiceScopeFactory>(), Statements, clock, log);
        await prune.StartAsync(TestContext.Current.CancellationToken);

        await clock.UntilWatchedAsync(1);
        clock.Advance(TimeSpan.FromMinutes(59));
        Assert.Equal(0, log.Lines);
        clock.Advance(TimeSpan.FromMinutes(1));
        await Patience.UntilAsync(() => log.Lines == 1);
        await clock.UntilWatchedAsync(2);
        Assert.Equal(2, await CountAsync());

        address = database.ConnectionString;
        clock.Advance(TimeSpan.FromHours(1));
        await Patience.UntilAsync(() => log.Lines == 2);
        Assert.Equal(0, await CountAsync());

        await prune.StopAsync(TestContext.Current.CancellationToken);
        Assert.True(prune.ExecuteTask!.IsCompleted);
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private async Task AddAsync(int count, string ended = "NULL", string expires = "now() + interval '1 day'", int epoch = 1) =>
        await database.ExecuteAsync(
        $"""
        INSERT INTO sessions (id, user_id, epoch, created_at, last_used_at, expires_at, device, ended_at)
        SELECT gen_random_uuid(), '00000000-0000-0000-0000-000000000001', {epoch}, now(), now(), {expires}, '', {ended}
        FROM generate_series(1, {count})
        """);

    private async Task<int> PruneAsync()
    {
        await using var db = database.Open();
        return (await Prune.RunAsync(db, Statements, TestContext.Current.CancellationToken))["dead sessions"];
    }

    private Task<long> CountAsync() => database.ScalarAsync<long>("SELECT count(*) FROM sessions");

    private sealed class CountingLogger : ILogger<Prune>
    {
        private int lines;

        public int Lines => lines;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception,
            Func<TState, Exception?, string> formatter) => Interlocked.Increment(ref lines);
    }
}
