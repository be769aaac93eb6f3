using System.Security.Cryptography;
using AuthMesh.Identity.Keys;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Users;
using AuthMesh.Settings;
using AuthMesh.Tests.Harness;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;

namespace AuthMesh.Tests.Keys;

public sealed class KeyRingTests(ProductionMesh mesh)
{
    private readonly MasterKey masterKey = new(RandomNumberGenerator.GetBytes(32));

    [Fact]
    public async Task An_empty_database_gets_each_of_its_keys_exactly_once()
    {
        await using var db = await EmptyAsync();

        await Ring(masterKey).OpenAsync(db, TestContext.Current.CancellationToken);
        var made = await KeysAsync(db);
        await Ring(masterKey).OpenAsync(db, TestContext.Current.CancellationToken);

        Assert.Equal(
            ["Mac Current", "Pepper Current", "Seal Current", "Signing Announced", "Signing Current"],
            made.Select(key => $"{key.Purpose} {key.State}").Order(StringComparer.Ordinal));
        Assert.Equal(made.Select(key => key.Id), (await KeysAsync(db)).Select(key => key.Id));
    }

    [Fact]
    public async Task Another_master_key_does_not_open_the_ring_and_changes_nothing()
    {
        await using var db = await EmptyAsync();
        await Ring(masterKey).OpenAsync(db, TestContext.Current.CancellationToken);
        var before = (await KeysAsync(db)).Select(key => Convert.ToHexString(key.SealedSecret)).ToList();
        // If opening changed anything, it would create this missing key.
        await db.RingKeys.Where(key => key.State == RingKeyState.Announced).ExecuteDeleteAsync(TestContext.Current.CancellationToken);

        var wrong = Ring(new MasterKey(RandomNumberGenerator.GetBytes(32)));

        await Assert.ThrowsAsync<StartRefusedException>(() => wrong.OpenAsync(db, TestContext.Current.CancellationToken));
        Assert.False(wrong.IsOpen);
        var after = (await KeysAsync(db)).Select(key => Convert.ToHexString(key.SealedSecret)).ToList();
        Assert.Equal(4, after.Count);
        Assert.Subset(before.ToHashSet(), after.ToHashSet());
    }

    [Fact]
    public async Task No_pepper_is_created_while_users_depend_on_a_missing_one()
    {
        await using var db = await EmptyAsync();
        await Ring(masterKey).OpenAsync(db, TestContext.Current.CancellationToken);
        db.Users.Add(User.Create(Username.TryParse("somebody")!, "a hash", TimeProvider.System.GetUtcNow()));
        await db.SaveChangesAsync(TestContext.Current.CancellationToken);
        await Ring(masterKey).OpenAsync(db, TestContext.Current.CancellationToken); // still opens with its pepper

        await db.RingKeys.ExecuteDeleteAsync(TestContext.Current.CancellationToken);

        await Assert.ThrowsAsync<StartRefusedException>(() => Ring(masterKey).OpenAsync(db, TestContext.Current.CancellationToken));
        Assert.Empty(await KeysAsync(db));
    }

    private static KeyRing Ring(MasterKey key) => new(key, TimeProvider.System, NullLogger<KeyRing>.Instance);

    private static Task<List<RingKey>> KeysAsync(IdentityDb db) =>
        db.RingKeys.AsNoTracking().OrderBy(key => key.Id).ToListAsync(TestContext.Current.CancellationToken);

    private async Task<IdentityDb> EmptyAsync()
    {
        var db = new Database(await mesh.Postgres.CreateDatabaseAsync()).Open();
        await db.Database.MigrateAsync(TestContext.Current.CancellationToken);
        return db;
    }
}
