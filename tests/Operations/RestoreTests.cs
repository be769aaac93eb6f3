using AuthMesh.LocalMesh;
using AuthMesh.TestMesh;
using AuthMesh.Tests.Faults;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;
using Npgsql;

namespace AuthMesh.Tests.Operations;

/// <summary>The drill of docs/operations/backup.md: a mesh is backed up, goes on, loses its database, and gets the backup back.</summary>
public sealed class RestoreTests(ProductionMesh production)
{
    private const string NewPassword = "a password after the backup";

    [Fact]
    public async Task After_a_restore_users_go_on_and_a_replica_ends_again_what_it_remembers()
    {
        await using var own = await OwnDatabase.CreateAsync(production);
        await using var mesh = await Mesh.StartAsync(
            InProduction.On(own.Database.ConnectionString, own.Settings) with { Start = WithinThisProcess.StartAsync },
            TestContext.Current.CancellationToken);
        using var gateway = new Caller(mesh.Gateway.Address);
        using var resource = new Caller(mesh.Resource.Address);
        using var backups = new Backups(production.Postgres);
        var database = new Database(own.Database.ConnectionString + ";Pooling=false"); // the restore breaks pooled connections
        var stays = await gateway.SignUpAsync();
        var leaves = await gateway.SignUpAsync();
        var changes = await gateway.SignUpAsync();

        var file = await backups.BackUpAsync(database);

        // 1. Life goes on after the backup.
        var late = await gateway.SignUpAsync();
        Assert.Equal(200, (await gateway.LogoutAsync(leaves.Token)).Status);
        Assert.Equal(200, (await gateway.ChangePasswordAsync(changes.Token, changes.Password, NewPassword)).Status);
        await AssertRefusedAsync([gateway, resource], leaves.Token, changes.Token);

        // 2. The database is lost while the services run, and comes back empty under the same name.
        await RecreateAsync(database);
        await Patience.UntilAsync(() => gateway.LoginAsync(stays.Username, stays.Password), answer => answer.Status == 503);
        Assert.Equal(200, (await resource.GetAsync("/protected", stays.Token)).Status);
        (await backups.RestoreAsync(database, file)).AssertExited(0);

        // 3. Users of the backup go on, without a restart.
        await Patience.UntilAsync(() => gateway.LoginAsync(stays.Username, stays.Password), answer => answer.Status == 200);
        Assert.Equal(200, (await gateway.RefreshAsync(stays.RefreshToken)).Status);
        Assert.Equal(200, (await gateway.GetAsync("/protected", stays.Token)).Status);

        // 4. What ended after the backup has ended again: in the database, for running services, and for one that starts now.
        await Patience.UntilAsync(() => database.HasEndedAsync(leaves.SessionId));
        await Patience.UntilAsync(() => database.IsRevokedAsync(changes.Answer.AccessToken()));
        Assert.Equal(401, (await gateway.RefreshAsync(leaves.RefreshToken)).Status);
        Assert.Equal(401, (await gateway.RefreshAsync(changes.RefreshToken)).Status);
        await using var starting = await ServiceProcess.StartAsync(
            "resource-service", mesh.Resource.Settings, "Production", start: WithinThisProcess.StartAsync);
        await starting.WaitUntilReadyAsync(cancellation: TestContext.Current.CancellationToken);
        using var started = new Caller(starting.Address);
        Assert.Equal(200, (await started.GetAsync("/protected", stays.Token)).Status);
        await AssertRefusedAsync([gateway, resource, started], leaves.Token, changes.Token);
        Assert.Contains("lost an acknowledged revocation", mesh.Identity.Output, StringComparison.Ordinal);

        // 5. What is lost: an account and a password from after the backup.
        Assert.Equal(401, (await gateway.LoginAsync(late.Username, late.Password)).Status);
        Assert.Equal(401, (await gateway.LoginAsync(changes.Username, NewPassword)).Status);
        Assert.Equal(200, (await gateway.LoginAsync(changes.Username, changes.Password)).Status);

        // 6. --replace restores into the database that is in use. Meanwhile requests wait or get 503.
        var restoring = backups.RestoreAsync(database, file, "--replace");
        var seen = new HashSet<int>();
        do
        {
            seen.Add((await gateway.LoginAsync(stays.Username, stays.Password)).Status);
        }
        while (!restoring.IsCompleted);
        (await restoring).AssertExited(0);
        Assert.Subset(new HashSet<int> { 200, 503 }, seen);
        await Patience.UntilAsync(() => gateway.LoginAsync(stays.Username, stays.Password), answer => answer.Status == 200);
        await Patience.UntilAsync(() => database.HasEndedAsync(leaves.SessionId));
        await AssertRefusedAsync([gateway, resource, started], leaves.Token, changes.Token);
        Assert.Equal(200, (await gateway.GetAsync("/protected", stays.Token)).Status);
    }

    [Fact]
    public async Task Restored_elsewhere_the_backup_serves_with_its_master_key_alone_and_forgets_what_came_later()
    {
        await using var own = await OwnDatabase.CreateAsync(production);
        await using var first = await own.StartAsync();
        await first.WaitUntilReadyAsync(cancellation: TestContext.Current.CancellationToken);
        using var before = new Caller(first.Address);
        using var backups = new Backups(production.Postgres);
        var stays = await before.SignUpAsync();
        var leaves = await before.SignUpAsync();
        var file = await backups.BackUpAsync(own.Database);
        Assert.Equal(200, (await before.LogoutAsync(leaves.Token)).Status);
        await first.StopAsync();

        await using var elsewhere = await OwnDatabase.CreateEmptyAsync(production);
        (await backups.RestoreAsync(elsewhere.Database, file)).AssertExited(0);

        // 1. Without the master key of the backup, nothing opens, and nothing is made anew.
        var ring = await elsewhere.DumpAsync("ring_keys");
        var refused = await elsewhere.RunAsync("Production");
        refused.AssertExited(1);
        Assert.Contains("The master key does not open the stored key ring", refused.Errors, StringComparison.Ordinal);
        Assert.Equal(ring, await elsewhere.DumpAsync("ring_keys"));

        // 2. With it, users sign in, and their sessions go on.
        elsewhere.Settings["Identity:MasterKey"] = own.Settings["Identity:MasterKey"];
        await using var second = await elsewhere.StartAsync();
        await second.WaitUntilReadyAsync(cancellation: TestContext.Current.CancellationToken);
        using var after = new Caller(second.Address);
        Assert.Equal(200, (await after.LoginAsync(stays.Username, stays.Password)).Status);
        var renewed = await after.RefreshAsync(stays.RefreshToken);
        Assert.Equal(200, renewed.Status);
        Assert.Equal(200, (await after.GetAsync("/account", renewed.Token)).Status);

        // 3. Nobody here remembers the logout, so that session lives again. One statement ends all sessions of the backup.
        Assert.Equal(200, (await after.RefreshAsync(leaves.RefreshToken)).Status);
        await elsewhere.Database.ExecuteAsync("UPDATE users SET epoch = epoch + 1");
        Assert.Equal(401, (await after.RefreshAsync(leaves.RefreshToken)).Status);
    }

    // As after the loss of the server: the connections break, and then nothing is there.
    private static async Task RecreateAsync(Database database)
    {
        var settings = new NpgsqlConnectionStringBuilder(database.ConnectionString);
        var name = settings.Database;
        settings.Database = "postgres";
        var server = new Database(settings.ConnectionString);
        await server.ExecuteAsync($"DROP DATABASE {name} WITH (FORCE)");
        await server.ExecuteAsync($"CREATE DATABASE {name} TEMPLATE template1");
    }

    private static async Task AssertRefusedAsync(IEnumerable<Caller> verifiers, params string[] tokens)
    {
        foreach (var verifier in verifiers)
        {
            foreach (var token in tokens)
            {
                await Patience.UntilAsync(() => verifier.GetAsync("/protected", token), answer => answer.Status == 401);
            }
        }
    }
}
