using System.Diagnostics.Metrics;
using System.Security.Cryptography;
using AuthMesh.Identity.Keys;
using AuthMesh.Identity.Passwords;
using AuthMesh.Tests.Harness;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Bcrypt = BCrypt.Net.BCrypt;

namespace AuthMesh.Tests.Passwords;

/// <summary>Counts bcrypt rounds, because a wall clock on a shared machine proves nothing.</summary>
public sealed class PasswordHashingTests(ProductionMesh mesh) : IAsyncLifetime
{
    private const int WorkFactor = 7;
    private const long FullCost = 1L << WorkFactor;

    private readonly ServiceProvider services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private readonly IOptions<HashingOptions> options = Options.Create(new HashingOptions { WorkFactor = WorkFactor, Threads = 1 });
    private KeyRing ring = null!;
    private HashingLane lane = null!;
    private PasswordHashing passwords = null!;

    public static TheoryData<string, string?> FailedLogins => new()
    {
        { "an unknown user", null },
        { "today's hash", "today" },
        { "plain bcrypt of today's cost", Bcrypt.HashPassword("the password", WorkFactor) },
        { "plain bcrypt of the cheapest cost", Bcrypt.HashPassword("the password", 4) },
        { "plain bcrypt of a lower cost", Bcrypt.HashPassword("the password", WorkFactor - 1) },
        { "a hash that cannot be read", "nonsense" },
        { "a hash that bcrypt itself cannot read", "$2a$07$!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!" },
        { "a hash under a pepper that is gone", $"hmac-sha384+bcrypt:gone:{Bcrypt.HashPassword("the password", WorkFactor)}" },
    };

    [Theory]
    [MemberData(nameof(FailedLogins))]
    public async Task Every_failed_login_costs_the_same_hash_work(string reason, string? stored)
    {
        stored = stored == "today" ? passwords.Hash("the password") : stored;

        var (verdict, rounds) = await CountAsync(() => VerifyAsync("not the password", stored));

        Assert.False(verdict!.IsMatch, reason);
        Assert.Equal(FullCost, rounds);
    }

    [Fact]
    public async Task A_password_of_any_length_costs_the_same_and_is_compared_whole()
    {
        foreach (var length in new[] { 8, 72, 73, 256, 10_000 })
        {
            var password = new string('x', length);
            var stored = passwords.Hash(password);

            var (right, rounds) = await CountAsync(() => VerifyAsync(password, stored));
            var (wrong, wrongRounds) = await CountAsync(() => VerifyAsync(password[..^1] + "y", stored));

            Assert.Equal((true, FullCost), (right!.IsMatch, rounds));
            Assert.False(right.IsOutdated);
            Assert.Equal((false, FullCost), (wrong!.IsMatch, wrongRounds));
        }
    }

    [Fact]
    public async Task A_matching_hash_of_an_older_scheme_or_another_cost_is_outdated()
    {
        foreach (var cost in new[] { 4, WorkFactor, WorkFactor + 1 })
        {
            var imported = Bcrypt.HashPassword("the password", cost);

            Assert.Equal(new PasswordVerdict(true, true), await VerifyAsync("the password", imported));
            Assert.Equal(new PasswordVerdict(false, false), await VerifyAsync("another", imported));
        }
    }

    [Fact]
    public async Task Input_after_a_NUL_does_not_match_and_input_past_72_bytes_is_not_rehashed()
    {
        var imported = Bcrypt.HashPassword("abc12345", 4);
        Assert.Equal(new PasswordVerdict(true, true), await VerifyAsync("abc12345", imported));
        Assert.False((await VerifyAsync("abc12345\0abc12345", imported))!.IsMatch);
        Assert.False((await VerifyAsync("\0", Bcrypt.HashPassword("", 4)))!.IsMatch);

        var long72 = new string('a', 72);
        var cut = Bcrypt.HashPassword(long72 + "-the-rest", 4);
        Assert.Equal(new PasswordVerdict(true, false), await VerifyAsync(long72 + "-a-typo", cut));
        Assert.Equal(new PasswordVerdict(true, true), await VerifyAsync(long72, cut));
    }

    [Fact]
    public async Task Equal_passwords_get_different_hashes_that_do_not_verify_without_the_pepper()
    {
        var first = passwords.Hash("the password");
        var second = passwords.Hash("the password");
        Assert.NotEqual(first, second);

        // Without the pepper, neither the password nor its unkeyed digest verifies against the bcrypt part.
        var bare = StoredHash.TryParse(first!)!.Bcrypt;
        Assert.False(Bcrypt.Verify("the password", bare));
        Assert.False(Bcrypt.Verify(Convert.ToBase64String(SHA384.HashData("the password"u8)), bare));
    }

    public async ValueTask InitializeAsync()
    {
        var database = new Database(await mesh.Postgres.CreateDatabaseAsync());
        await using var db = database.Open();
        await Microsoft.EntityFrameworkCore.RelationalDatabaseFacadeExtensions.MigrateAsync(db.Database);
        ring = new KeyRing(new MasterKey(RandomNumberGenerator.GetBytes(32)), TimeProvider.System, NullLogger<KeyRing>.Instance);
        await ring.OpenAsync(db, default);
        lane = new HashingLane(
            options, TimeProvider.System, services.GetRequiredService<IMeterFactory>(), NullLogger<HashingLane>.Instance);
        passwords = new PasswordHashing(ring, options, services.GetRequiredService<IMeterFactory>());
    }

    public async ValueTask DisposeAsync()
    {
        lane.Dispose();
        await services.DisposeAsync();
    }

    private async Task<PasswordVerdict?> VerifyAsync(string password, string? stored)
    {
        using var place = await lane.EnterAsync(new Applicant("192.0.2.1", "alice", false), TestContext.Current.CancellationToken);
        return await passwords.VerifyAsync(place!, password, stored);
    }

    private async Task<(T Result, long Rounds)> CountAsync<T>(Func<Task<T>> work)
    {
        var rounds = 0L;
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Name == "authmesh.password.rounds" && instrument.Meter.Scope == services.GetRequiredService<IMeterFactory>())
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<long>((_, measurement, _, _) => Interlocked.Add(ref rounds, measurement));
        listener.Start();
        var result = await work();
        return (result, rounds);
    }
}
