using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Security.Cryptography;
using AuthMesh.Identity.Keys;
using AuthMesh.Identity.Passwords;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Sessions;
using AuthMesh.Identity.SignIn;
using AuthMesh.Identity.Throttling;
using AuthMesh.Tests.Harness;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace AuthMesh.Tests.Throttling;

/// <summary>The statements that count attempts, on a real PostgreSQL.</summary>
public sealed class ReservationTests(ProductionMesh mesh) : IAsyncLifetime
{
    private const int Limit = 5;

    private readonly ServiceProvider services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private readonly IOptions<HashingOptions> hashing = Options.Create(new HashingOptions { WorkFactor = 4, Threads = 1 });
    private readonly IOptions<ThrottlingOptions> throttling = Options.Create(new ThrottlingOptions
    {
        AccountAndNetwork = { Attempts = Limit }, Account = { Attempts = 20 }, Network = { Attempts = 30 },
    });

    private Database database = null!;
    private KeyRing ring = null!;
    private Budgets budgets = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Of_200_mails_asked_for_at_once_five_go_to_one_address_and_20_come_from_one_network()
    {
        var answers = await Together.RunAsync(200, async i =>
        {
            await using var session = Session();
            var mail = budgets.ForMail(i % 2 == 0 ? "somebody@example.test" : "SomeBody@Example.test", $"192.0.2.{i}");
            return (await session.Throttle.ReserveAsync(mail, Cancellation)).Limit;
        });
        Assert.Equal(5, answers.Count(limit => limit is null));
        Assert.Equal(195, answers.Count(limit => limit == "mail to"));

        answers = await Together.RunAsync(200, async i =>
        {
            await using var session = Session();
            return (await session.Throttle.ReserveAsync(budgets.ForMail($"{i}@example.test", "198.51.100.1"), Cancellation)).Limit;
        });
        Assert.Equal(20, answers.Count(limit => limit is null));
        Assert.Equal(180, answers.Count(limit => limit == "mail from"));

        await using var other = Session();
        Assert.Null((await other.Throttle.ReserveAsync(budgets.ForMail("other@example.test", "198.51.100.2"), Cancellation)).Limit);
    }

    [Fact]
    public async Task Reservations_with_crossed_keys_do_not_deadlock_and_returned_attempts_do_not_count()
    {
        // Ten concurrent callers for two accounts in two networks. They share each key with others and want the keys in another order.
        for (var round = 0; round < 100; round++)
        {
            await Together.RunAsync(10, async i =>
            {
                await using var session = Session();
                var budget = Budget($"account {i % 2}", $"network {i / 2 % 2}");
                var (reservation, _, _) = await session.Throttle.ReserveAsync(
                    budget with { Allowances = i < 5 ? budget.Allowances : [.. budget.Allowances.Reverse()] }, Cancellation);
                if (reservation is not null)
                {
                    await (i % 3 == 0 ? reservation.ForgiveAsync() : reservation.GiveBackAsync());
                }

                return 0;
            });
        }

        Assert.Equal(4 + 2 + 2, await database.ScalarAsync<long>("SELECT count(*) FROM attempt_counts"));
        Assert.Equal(
            (0, 0), (await database.ScalarAsync<int>("SELECT min(count) FROM attempt_counts"),
                await database.ScalarAsync<int>("SELECT max(count) FROM attempt_counts")));
    }

    [Fact]
    public async Task Concurrent_reservations_succeed_up_to_the_limit_and_refused_ones_do_not_count()
    {
        var reserved = await Together.RunAsync(40, _ => ReserveAsync(Budget("alice", "here")));

        Assert.Equal(Limit, reserved.Count(outcome => outcome.Reservation is not null));
        Assert.All(reserved.Where(outcome => outcome.Reservation is null), outcome => Assert.Equal(429, outcome.Refusal!.Status));
        Assert.Equal((Limit, Limit, Limit), await CountsAsync("alice", "here"));
    }

    [Fact]
    public async Task A_refused_reservation_writes_nothing()
    {
        for (var i = 0; i < Limit; i++)
        {
            await ReserveAsync(Budget("alice", "here"));
        }

        const string rows = "SELECT string_agg(a.ctid::text || a.xmin::text || a::text, ' ' ORDER BY key) FROM attempt_counts a";
        var before = await database.ScalarAsync<string>(rows);

        Assert.All(await Together.RunAsync(20, _ => ReserveAsync(Budget("alice", "here"))), outcome => Assert.NotNull(outcome.Refusal));

        Assert.Equal(before, await database.ScalarAsync<string>(rows));
    }

    [Fact]
    public async Task Retry_After_names_the_end_of_the_last_limit_that_is_reached()
    {
        for (var i = 0; i < 20; i++)
        {
            await ReserveAsync(Budget("alice", $"network {i / Limit}"));
        }

        await AssertRetryAfterAsync(TimeSpan.FromHours(1));
        await database.ExecuteAsync(
            "UPDATE attempt_counts SET resets_at = now() + interval '500 milliseconds' WHERE key = $1",
            Budget("alice", "network 0").Allowances[2].Key);
        await AssertRetryAfterAsync(TimeSpan.FromMinutes(15));
        await database.ExecuteAsync(
            "UPDATE attempt_counts SET resets_at = now() + interval '60.5 seconds' WHERE key = $1",
            Budget("alice", "network 0").Allowances[0].Key);
        await AssertRetryAfterAsync(TimeSpan.FromSeconds(61)); // rounded up

        // The wait counts from the answer, and a busy machine may answer late.
        async Task AssertRetryAfterAsync(TimeSpan wait)
        {
            var start = TimeProvider.System.GetTimestamp();
            var retryAfter = (await ReserveAsync(Budget("alice", "network 0"))).Refusal!.RetryAfter!.Value;
            Assert.InRange(retryAfter, wait - TimeProvider.System.GetElapsedTime(start) - TimeSpan.FromSeconds(20), wait);
            Assert.Equal(0, retryAfter.Milliseconds);
        }
    }

    [Fact]
    public async Task An_attempt_reserved_in_one_window_is_not_returned_to_the_next()
    {
        var (old, _, _) = await ReserveAsync(Budget("alice", "here"));
        await database.ExecuteAsync("UPDATE attempt_counts SET resets_at = now() - interval '1 second'");
        await ReserveAsync(Budget("alice", "here"));
        Assert.Equal((1, 1, 1), await CountsAsync("alice", "here"));

        await old!.GiveBackAsync();
        Assert.Equal((1, 1, 1), await CountsAsync("alice", "here"));

        // Nor to the window that a right password has restarted.
        var (before, _, _) = await ReserveAsync(Budget("alice", "here"));
        var (right, _, _) = await ReserveAsync(Budget("alice", "here"));
        await right!.ForgiveAsync();
        Assert.Equal((0, 2, 2), await CountsAsync("alice", "here"));
        await ReserveAsync(Budget("alice", "here"));
        await before!.GiveBackAsync();
        Assert.Equal((1, 2, 2), await CountsAsync("alice", "here"));
    }

    [Fact]
    public async Task A_caller_that_leaves_before_the_hash_is_not_counted_and_one_that_waits_is()
    {
        using var lane = new HashingLane(
            hashing, TimeProvider.System, services.GetRequiredService<IMeterFactory>(), NullLogger<HashingLane>.Instance);
        using var gate = new ManualResetEventSlim();
        using var leaving = new CancellationTokenSource();
        using var first = (await lane.EnterAsync(new Applicant("elsewhere", "bob", false), Cancellation))!;
        var busy = first.RunAsync(() =>
        {
            gate.Wait();
            return "busy";
        });
        await using var session = Session();
        var passwords = new PasswordHashing(ring, hashing, services.GetRequiredService<IMeterFactory>());
        var prove = Prove(session, lane, passwords);
        using var place = (await lane.EnterAsync(new Applicant("here", "alice", false), leaving.Token))!;
        var guess = prove.VerifyAsync(place, Budget("alice", "here"), null, "a guess", null, null, leaving.Token);
        await Patience.UntilAsync(async () => await CountsAsync("alice", "here") == (1, 1, 1)); // before the hash

        await leaving.CancelAsync();
        gate.Set();
        await busy;

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => guess);
        Assert.Equal((0, 0, 0), await CountsAsync("alice", "here"));
        using var another = (await lane.EnterAsync(new Applicant("here", "alice", false), Cancellation))!;
        Assert.False(
            (await prove.VerifyAsync(another, Budget("alice", "here"), null, "a guess", null, null, Cancellation)).Verdict!.IsMatch);
        Assert.Equal((1, 1, 1), await CountsAsync("alice", "here"));
        Assert.True(
            (await prove.VerifyAsync(another, Budget("alice", "here"), null, "right", passwords.Hash("right"), null, Cancellation))
            .Verdict!.IsMatch);
        Assert.Equal((0, 1, 1), await CountsAsync("alice", "here"));
    }

    [Fact]
    public async Task Metrics_count_checked_guesses_and_name_the_limit_of_each_refusal()
    {
        var seen = new ConcurrentBag<string>();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Meter.Name == "AuthMesh.Identity" && instrument.Meter.Scope == services.GetRequiredService<IMeterFactory>())
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<long>((instrument, _, tags, _) => seen.Add(
            string.Join(' ', [instrument.Name, .. tags.ToArray().Select(tag => $"{tag.Key}={tag.Value}")])));
        listener.Start();
        using var lane = new HashingLane(
            hashing, TimeProvider.System, services.GetRequiredService<IMeterFactory>(), NullLogger<HashingLane>.Instance);
        using var place = (await lane.EnterAsync(new Applicant("here", "alice", false), Cancellation))!;
        await using var session = Session();
        var prove = Prove(session, lane, new PasswordHashing(ring, hashing, services.GetRequiredService<IMeterFactory>()));

        for (var i = 0; i < Limit + 2; i++)
        {
            await prove.VerifyAsync(place, Budget("alice", "here"), null, "a guess", null, null, Cancellation);
        }

        Assert.Equal(Limit, seen.Count(name => name == "authmesh.password.guesses"));
        Assert.Equal(
            ["authmesh.attempts.refused limit=account and network", "authmesh.attempts.refused limit=account and network"],
            seen.Where(name => name.StartsWith("authmesh.attempts", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Different_budgets_and_different_rings_have_different_keys()
    {
        var device = DeviceCookie.Create(Guid.NewGuid(), 1);
        var all = new[]
        {
            Budget("alice", "10.0.0.1"), Budget("alice1", "0.0.0.1"), Budget("10.0.0.1", "alice"), budgets.ForRegistration("10.0.0.1"),
                budgets.ForRegistration("alice"),
            budgets.ForLogin("alice", "10.0.0.1", device), budgets.ForSession("alice", "10.0.0.1", device.UserId),
        };
        var keys = all.SelectMany(budget => budget.Allowances).Select(allowance => Convert.ToHexString(allowance.Key)).ToList();

        Assert.Equal(3 + 3 + 3 + 1 + 1 + 1 + 1, keys.Distinct().Count()); // a session shares two of its three with logins
        var other = new Budgets(await OpenRingAsync(), throttling);
        Assert.DoesNotContain(Convert.ToHexString(other.ForRegistration("alice").Allowances[0].Key), keys);
    }

    public async ValueTask InitializeAsync()
    {
        ring = await OpenRingAsync();
        budgets = new Budgets(ring, throttling);
    }

    public ValueTask DisposeAsync() => services.DisposeAsync();

    private async Task<KeyRing> OpenRingAsync()
    {
        database = new Database(await mesh.Postgres.CreateDatabaseAsync());
        await using var db = database.Open();
        await db.Database.MigrateAsync(Cancellation);
        var opened = new KeyRing(new MasterKey(RandomNumberGenerator.GetBytes(32)), TimeProvider.System, NullLogger<KeyRing>.Instance);
        await opened.OpenAsync(db, Cancellation);
        return opened;
    }

    private Budget Budget(string account, string network) => budgets.ForLogin(account, network, knownDevice: null);

    private ProvePassword Prove(OneSession session, HashingLane lane, PasswordHashing passwords) => new(
        null!, lane, passwords, null!, null!, budgets, session.Throttle, null!,
        new SecurityEvents(NullLoggerFactory.Instance, null!, services.GetRequiredService<IMeterFactory>()),
        NullLogger<ProvePassword>.Instance);

    private OneSession Session() => new(database, services.GetRequiredService<IMeterFactory>());

    private async Task<(Reservation? Reservation, AuthMesh.Errors.Failure? Refusal, string? Limit)> ReserveAsync(Budget budget)
    {
        var session = Session(); // not disposed here, because a reservation returns its attempt through it
        return await session.Throttle.ReserveAsync(budget, Cancellation);
    }

    /// <summary>The counts of the account in this network, of the network, and of the account.</summary>
    private async Task<(int Here, int Network, int Account)> CountsAsync(string account, string network)
    {
        await using var db = database.Open();
        var counts = await db.AttemptCounts.ToListAsync(Cancellation);
        var all = Budget(account, network)
            .Allowances.Select(allowance => counts.Find(count => count.Key.SequenceEqual(allowance.Key))?.Count ?? 0).ToList();
        return (all[0], all[1], all[2]);
    }

    private sealed class OneSession(Database database, IMeterFactory meters) : IAsyncDisposable
    {
        private readonly AuthMesh.Identity.Platform.Database.IdentityDb db = database.Open();

        public Throttle Throttle => new(db, meters);

        public ValueTask DisposeAsync() => db.DisposeAsync();
    }
}
