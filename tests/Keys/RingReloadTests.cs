using System.Diagnostics.CodeAnalysis;
using System.Diagnostics.Metrics;
using System.Security.Cryptography;
using AuthMesh.Identity.Keys;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Users;
using AuthMesh.Keys;
using AuthMesh.Revocations;
using AuthMesh.Settings;
using AuthMesh.Tests.Harness;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace AuthMesh.Tests.Keys;

/// <summary>How a replica's opened ring changes when another process changes the stored one.</summary>
public sealed class RingReloadTests(ProductionMesh mesh) : IAsyncLifetime
{
    private static readonly byte[] OldSecret = RandomNumberGenerator.GetBytes(32), NewSecret = RandomNumberGenerator.GetBytes(32);
    private readonly MasterKey oldKey = new(OldSecret), newKey = new(NewSecret, OldSecret);
    private readonly FakeTimeProvider clock = new(TimeProvider.System.GetUtcNow());
    private readonly LogLines<KeyRing> log = new();
    private Database database = null!;
    private IdentityDb db = null!;
    private KeyRing ring = null!;

    [Fact]
    public async Task Rows_resealed_under_an_unknown_master_key_stay_open_and_are_logged_once()
    {
        var (keys, pepper, refresh) = (ring.KeyIds.Order().ToList(), ring.CurrentPepper, ring.CurrentMacKey);
        await ResealAsync();

        await ReloadAsync();
        await ReloadAsync();

        Assert.Equal(keys, ring.KeyIds.Order());
        Assert.True(ring.CanSign);
        Assert.Equal((pepper, refresh), (ring.CurrentPepper, ring.CurrentMacKey));
        Assert.Equal(pepper.Secret, ring.FindPepper(pepper.Id));
        Assert.Equal(refresh.Secret, ring.FindMacKey(refresh.Id));
        var complaint = Assert.Single(log.At(LogLevel.Error));
        Assert.All(keys.Append(pepper.Id).Append(refresh.Id), id => Assert.Contains(id, complaint, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_replica_with_both_master_keys_logs_no_error()
    {
        ring = Ring(newKey);
        await ring.OpenAsync(db, TestContext.Current.CancellationToken);
        await ResealAsync();

        await ReloadAsync();

        Assert.Empty(log.At(LogLevel.Error));
        Assert.True(ring.CanSign);
    }

    [Fact]
    public async Task A_new_pair_that_does_not_open_is_reported_as_unavailable_and_not_as_unknown()
    {
        var keys = ring.KeyIds.ToList();
        var added = RingKey.CreateSigningPair(newKey, RingKeyState.Announced, clock.GetUtcNow());
        await AddAsync(added);

        await ReloadAsync();

        Assert.Equal(keys.Order(), ring.KeyIds.Order());
        Assert.Contains(added.Id, Assert.Single(log.At(LogLevel.Error)), StringComparison.Ordinal);
        var verification = Verification();
        Assert.Equal(
            new KeyLookup(null, IsUnavailable: true), await verification.FindAsync(added.Id, TestContext.Current.CancellationToken));
        Assert.Equal(new KeyLookup(null), await verification.FindAsync("forged", TestContext.Current.CancellationToken));
        Assert.NotNull((await verification.FindAsync(keys[0], TestContext.Current.CancellationToken)).Key);
    }

    [Fact]
    public async Task A_ring_whose_current_pair_does_not_open_verifies_but_does_not_sign()
    {
        var keys = ring.KeyIds.ToList();
        await db.RingKeys.Where(key => key.Purpose == RingKeyPurpose.Signing && key.State == RingKeyState.Current)
            .ExecuteUpdateAsync(key => key.SetProperty(row => row.State, RingKeyState.Retired), TestContext.Current.CancellationToken);
        await AddAsync(RingKey.CreateSigningPair(newKey, RingKeyState.Current, clock.GetUtcNow()));

        await ReloadAsync();

        Assert.False(ring.CanSign);
        Assert.Throws<CannotSignException>(() => ring.SigningCredentials);
        Assert.Equal(keys.Order(), ring.KeyIds.Order());
    }

    [Fact]
    public async Task A_deleted_key_is_dropped_and_the_others_stay_the_same_objects()
    {
        var signing = ring.SigningCredentials.Key;
        await db.RingKeys.Where(key => key.State == RingKeyState.Announced).ExecuteDeleteAsync(TestContext.Current.CancellationToken);

        await ReloadAsync();

        Assert.Equal([signing.KeyId], ring.KeyIds);
        Assert.Same(signing, ring.SigningCredentials.Key); // so its cached tokens stay valid
        Assert.Same(signing, ring.FindSigningKey(signing.KeyId));
    }

    [Fact]
    public async Task Losing_the_stored_rows_does_not_lose_the_pepper_of_a_running_replica()
    {
        var pepper = ring.CurrentPepper;
        await db.RingKeys.ExecuteDeleteAsync(TestContext.Current.CancellationToken);

        await ReloadAsync();

        Assert.Equal(pepper, ring.CurrentPepper);
        Assert.Equal(pepper.Secret, ring.FindPepper(pepper.Id));
        Assert.Empty(ring.KeyIds);
        Assert.False(ring.CanSign);
    }

    [Fact]
    public async Task A_distrusted_current_key_signs_nothing_and_the_log_names_the_cure()
    {
        var current = ring.SigningCredentials.Key.KeyId;
        ring.Distrust(["another"]);
        Assert.True(ring.CanSign);
        Assert.Empty(log.At(LogLevel.Critical));

        ring.Distrust([current]);

        Assert.Throws<CannotSignException>(() => ring.SigningCredentials);
        var critical = Assert.Single(log.At(LogLevel.Critical));
        Assert.Contains(current, critical, StringComparison.Ordinal);
        Assert.Contains("dotnet identity-service.dll rotate --emergency", critical, StringComparison.Ordinal);

        await db.RingKeys.Where(key => key.Id == current).ExecuteDeleteAsync(TestContext.Current.CancellationToken);
        await AddAsync(RingKey.CreateSigningPair(oldKey, RingKeyState.Current, clock.GetUtcNow()));
        await ReloadAsync();
        Assert.True(ring.CanSign);
    }

    [Fact]
    public async Task A_distrusted_key_that_a_restore_brings_back_signs_nothing()
    {
        var bad = await db.RingKeys.AsNoTracking().SingleAsync(
            key => key.Purpose == RingKeyPurpose.Signing && key.State == RingKeyState.Current, TestContext.Current.CancellationToken);
        var good = RingKey.CreateSigningPair(oldKey, RingKeyState.Current, clock.GetUtcNow());
        await db.RingKeys.Where(key => key.Id == bad.Id).ExecuteDeleteAsync(TestContext.Current.CancellationToken);
        await AddAsync(good);
        await ReloadAsync();
        ring.Distrust([bad.Id]);
        Assert.True(ring.CanSign);

        await db.RingKeys.Where(key => key.Id == good.Id).ExecuteDeleteAsync(TestContext.Current.CancellationToken);
        await AddAsync(bad);
        await ReloadAsync();

        Assert.False(ring.CanSign);
        Assert.Contains(bad.Id, Assert.Single(log.At(LogLevel.Critical)), StringComparison.Ordinal);
    }

    [Fact]
    public void A_ring_without_a_confirmation_for_ten_minutes_does_not_sign()
    {
        clock.Advance(TimeSpan.FromMinutes(10) - TimeSpan.FromSeconds(1));
        Assert.True(ring.CanSign);
        clock.Advance(TimeSpan.FromSeconds(2));

        Assert.Throws<CannotSignException>(() => ring.SigningCredentials);

        ring.Confirm();
        Assert.True(ring.CanSign);
    }

    [Fact]
    public async Task An_unknown_key_is_looked_up_in_the_stored_ring_at_most_every_five_seconds()
    {
        var verification = Verification();
        var first = RingKey.CreateSigningPair(oldKey, RingKeyState.Retired, clock.GetUtcNow());
        await AddAsync(first);
        Assert.NotNull((await verification.FindAsync(first.Id, TestContext.Current.CancellationToken)).Key);

        var second = RingKey.CreateSigningPair(oldKey, RingKeyState.Retired, clock.GetUtcNow());
        await AddAsync(second);
        var unread = ring.Changed;
        Assert.All(
            await Task.WhenAll(
                Enumerable.Range(0, 100)
                .Select(i => verification.FindAsync($"forged {i}", TestContext.Current.CancellationToken).AsTask())),
            lookup => Assert.Equal(new KeyLookup(null), lookup));
        Assert.Null((await verification.FindAsync(second.Id, TestContext.Current.CancellationToken)).Key);
        Assert.False(unread.IsCompleted);

        clock.Advance(TimeSpan.FromSeconds(5));
        revoked.Confirm();
        Assert.NotNull((await verification.FindAsync(second.Id, TestContext.Current.CancellationToken)).Key);
    }

    [Fact]
    public async Task An_unknown_key_is_unavailable_without_the_stored_ring_or_a_recent_confirmation()
    {
        var unreachable = Verification("Host=127.0.0.1;Port=9;Database=d;Username=u;Password=p");
        Assert.Equal(
            new KeyLookup(null, IsUnavailable: true), await unreachable.FindAsync("unknown", TestContext.Current.CancellationToken));
        Assert.NotNull((await unreachable.FindAsync(ring.KeyIds[0], TestContext.Current.CancellationToken)).Key);

        var verification = Verification();
        Assert.Equal(new KeyLookup(null), await verification.FindAsync("unknown", TestContext.Current.CancellationToken));
        clock.Advance(TimeSpan.FromSeconds(7)); // a rotation would no longer wait for this replica
        Assert.Equal(
            new KeyLookup(null, IsUnavailable: true), await verification.FindAsync("unknown", TestContext.Current.CancellationToken));
    }

    public async ValueTask InitializeAsync()
    {
        database = new Database(await mesh.Postgres.CreateDatabaseAsync());
        db = database.Open();
        await db.Database.MigrateAsync(TestContext.Current.CancellationToken);
        ring = Ring(oldKey);
        await ring.OpenAsync(db, TestContext.Current.CancellationToken);
        db.ChangeTracker.Clear();
    }

    public async ValueTask DisposeAsync()
    {
        ring.Dispose();
        await db.DisposeAsync();
    }

    private RevokedAccess revoked = null!;

    private KeyRing Ring(MasterKey masterKey) => new(masterKey, clock, log);

    [SuppressMessage("Reliability", "CA2000", Justification = "They end with the test.")]
    private RingVerificationKeys Verification(string? connectionString = null)
    {
        var services = new ServiceCollection();
        services.AddMetrics();
        services.AddScoped(_ => new Database(connectionString ?? database.ConnectionString).Open());
        var provider = services.BuildServiceProvider();
        revoked = new RevokedAccess(
            clock, Options.Create(new AuthMeshOptions()), provider.GetRequiredService<IMeterFactory>(), NullLogger<RevokedAccess>.Instance);
        revoked.Confirm();
        return new RingVerificationKeys(ring, revoked, provider.GetRequiredService<IServiceScopeFactory>(), clock);
    }

    private Task ReloadAsync() => ring.ReloadAsync(db, TestContext.Current.CancellationToken);

    private async Task AddAsync(RingKey key)
    {
        await using var other = database.Open();
        other.RingKeys.Add(key);
        await other.SaveChangesAsync(TestContext.Current.CancellationToken);
    }

    private async Task ResealAsync()
    {
        await using var other = database.Open();
        foreach (var key in await other.RingKeys.ToListAsync(TestContext.Current.CancellationToken))
        {
            Assert.True(key.TryReseal(newKey));
        }

        await other.SaveChangesAsync(TestContext.Current.CancellationToken);
    }
}
