using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Faults;

/// <summary>A master key that does not match the stored key ring stops the start, which changes nothing.</summary>
public sealed class KeyRingTests(ProductionMesh mesh)
{
    private static readonly string[] Tables = ["ring_keys", "users", "sessions", "\"__EFMigrationsHistory\""];

    [Fact]
    public async Task A_wrong_master_key_stops_the_start_and_changes_nothing()
    {
        await using var own = await OwnDatabase.CreateAsync(mesh);
        await using var service = await own.StartAsync();
        await service.WaitUntilReadyAsync(cancellation: TestContext.Current.CancellationToken);
        using var identity = new Caller(service);
        Assert.Equal(200, (await identity.RegisterAsync("carol", "a password of her own")).Status);
        Assert.Equal(200, (await identity.LoginAsync("carol", "a password of her own")).Status);
        var keys = (await identity.GetAsync("/.well-known/jwks.json")).Text;
        await service.StopAsync();
        var before = await DumpAsync(own);
        Assert.All(before, Assert.NotEmpty);

        var right = own.Settings["Identity:MasterKey"];
        own.Settings["Identity:MasterKey"] = OwnDatabase.NewMasterKey();
        foreach (var arguments in (string[][])[[], ["recover-admin", "admin"]])
        {
            var refused = await own.RunAsync("Production", arguments);
            refused.AssertExited(1);
            Assert.Contains("The master key does not open the stored key ring", refused.Errors, StringComparison.Ordinal);
            Assert.DoesNotContain(own.Settings["Identity:MasterKey"], refused.Output + refused.Errors, StringComparison.Ordinal);
            Assert.Equal(before, await DumpAsync(own));
        }

        own.Settings["Identity:MasterKey"] = right;
        await service.RestartAsync(); // with its first settings
        await service.WaitUntilReadyAsync(cancellation: TestContext.Current.CancellationToken);
        Assert.Equal(keys, (await identity.GetAsync("/.well-known/jwks.json")).Text);
        Assert.Equal(200, (await identity.LoginAsync("carol", "a password of her own")).Status);
    }

    [Fact]
    public async Task A_tampered_key_ring_stops_the_start_and_is_not_replaced()
    {
        await using var own = await OwnDatabase.CreateAsync(mesh);
        await using (var service = await own.StartAsync())
        {
            await service.WaitUntilReadyAsync(cancellation: TestContext.Current.CancellationToken);
        }

        await own.Database.ExecuteAsync("CREATE TABLE kept AS TABLE ring_keys");
        foreach (var tampering in (string[])
            [
                // A flipped bit, a truncated secret, and one key's secret in another's row.
                "UPDATE ring_keys SET sealed_secret = set_byte(sealed_secret, 40, get_byte(sealed_secret, 40) # 1) "
                + "WHERE purpose = 'Pepper'",
                "UPDATE ring_keys SET sealed_secret = substring(sealed_secret for 20) WHERE state = 'Announced'",
                "UPDATE ring_keys SET sealed_secret = (SELECT sealed_secret FROM kept WHERE state = 'Announced') WHERE purpose = 'Signing' "
                + "AND state = 'Current'",
            ])
        {
            Assert.Equal(1, await own.Database.ExecuteAsync(tampering));
            var before = await DumpAsync(own);

            var refused = await own.RunAsync("Production");

            refused.AssertExited(1);
            Assert.Contains("does not open the stored key ring", refused.Errors, StringComparison.Ordinal);
            Assert.Equal(before, await DumpAsync(own));
            await own.Database.ExecuteAsync("UPDATE ring_keys r SET sealed_secret = k.sealed_secret FROM kept k WHERE k.id = r.id");
        }

        await using var repaired = await own.StartAsync();
        await repaired.WaitUntilReadyAsync(cancellation: TestContext.Current.CancellationToken);
    }

    private static async Task<List<string>> DumpAsync(OwnDatabase own)
    {
        var dumps = new List<string>();
        foreach (var table in Tables)
        {
            dumps.Add(await own.DumpAsync(table));
        }

        return dumps;
    }
}
