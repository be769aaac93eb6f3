using AuthMesh.LocalMesh;
using AuthMesh.TestMesh;
using AuthMesh.Tests.Faults;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;
using Npgsql;

namespace AuthMesh.Tests.Operations;

/// <summary>The drill of docs/operations/backup.md: a mesh is backed up, goes on, loses its database, and gets the backup back.</summary>
public sealed class RestoreTests(BackedUpMesh mesh, ProductionMesh production) : IClassFixture<BackedUpMesh>
{
    [Fact]
    public async Task After_a_restore_users_go_on_and_a_replica_ends_again_what_it_remembers()
    {
        var (gateway, resource, database) = (mesh.Gateway, mesh.Resource, mesh.Database);
        var (stays, leaves, changes) = (mesh.Stays, mesh.Leaves, mesh.Changes);
        await AssertRefusedAsync([gateway, resource], leaves.Token, changes.Token);

        // 1. The database is lost while the services run, and comes back empty under the same name.
        await RecreateAsync(database);
        await Patience.UntilAsync(() => gateway.LoginAsync(stays.Username, stays.Password), answer => answer.Status == 503);
        Assert.Equal(200, (await resource.GetAsync("/protected", stays.Token)).Status);
        (await mesh.Backups.RestoreAsync(database, mesh.File)).AssertExited(0);

        // 2. Users of the backup go on, without a restart.
        await Patience.UntilAsync(() => gateway.LoginAsync(stays.Username, stays.Password), answer => answer.Status == 200);
        Assert.Equal(200, (await gateway.RefreshAsync(stays.RefreshToken)).Status);
        Assert.Equal(200, (await gateway.GetAsync("/protected", stays.Token)).Status);

        // 3. What ended after the backup has ended again: in the database, for running services, and for one that starts now.
        await Patience.UntilAsync(() => database.HasEndedAsync(leaves.SessionId));
        await Patience.UntilAsync(() => database.IsRevokedAsync(changes.Answer.AccessToken()));
        Assert.Equal(401, (await gateway.RefreshAsync(leaves.RefreshToken)).Status);
        Assert.Equal(401, (await gateway.RefreshAsync(changes.RefreshToken)).Status);
        await using var starting = await ServiceProcess.StartAsync(
            "resource-service", mesh.Mesh.Resource.Settings, "Production", start: WithinThisProcess.StartAsync);
        await starting.WaitUntilReadyAsync(cancellation: TestContext.Current.CancellationToken);
        using var started = new Caller(starting);
        Assert.Equal(200, (await started.GetAsync("/protected", stays.Token)).Status);
        await AssertRefusedAsync([gateway, resource, started], leaves.Token, changes.Token);
        Assert.Contains("lost an acknowledged revocation", mesh.Mesh.Identity.Output, StringComparison.Ordinal);

        // 4. What is lost: an account and a password from after the backup.
        Assert.Equal(401, (await gateway.LoginAsync(mesh.Late.Username, mesh.Late.Password)).Status);
        Assert.Equal(401, (await gateway.LoginAsync(changes.Username, BackedUpMesh.NewPassword)).Status);
        Assert.Equal(200, (await gateway.LoginAsync(changes.Username, changes.Password)).Status);

        // 5. --replace restores into the database that is in use. Meanwhile requests wait or get 503.
        var restoring = mesh.Backups.RestoreAsync(database, mesh.File, "--replace");
        var seen = new HashSet<int>();
        do
        {
            seen.Add((await gateway.LoginAsync(mesh.Busy.Username, mesh.Busy.Password)).Status);
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
    public async Task Restored_elsewhere_the_backup_opens_with_its_master_key_alone_and_forgets_what_came_later()
    {
        await using var elsewhere = await OwnDatabase.CreateEmptyAsync(production);
        (await mesh.Backups.RestoreAsync(elsewhere.Database, mesh.File)).AssertExited(0);

        // 1. Without the master key of the backup, nothing opens, and nothing is made anew.
        var ring = await elsewhere.DumpAsync("ring_keys");
        var refused = await elsewhere.RunAsync("Production");
        refused.AssertExited(1);
        Assert.Contains("The master key does not open the stored key ring", refused.Errors, StringComparison.Ordinal);
        Assert.Equal(ring, await elsewhere.DumpAsync("ring_keys"));

        // 2. With it, users sign in, and their sessions go on.
        elsewhere.Settings["Identity:MasterKey"] = mesh.MasterKey;
        await using var service = await elsewhere.StartAsync();
        await service.WaitUntilReadyAsync(cancellation: TestContext.Current.CancellationToken);
        using var identity = new Caller(service);
        Assert.Equal(200, (await identity.LoginAsync(mesh.Stays.Username, mesh.Stays.Password)).Status);
        var renewed = await identity.RefreshAsync(mesh.Stays.RefreshToken);
        Assert.Equal(200, renewed.Status);
        Assert.Equal(200, (await identity.GetAsync("/account", renewed.Token)).Status);

        // 3. Nobody here remembers the logout, so that session lives again. The statement of the page ends all sessions of the backup.
        Assert.Equal(200, (await identity.RefreshAsync(mesh.Leaves.RefreshToken)).Status);
        const string SignEverybodyOut = "UPDATE users SET epoch = epoch + 1;";
        Assert.Contains(
            SignEverybodyOut, await File.ReadAllTextAsync(
                Path.Combine(Checkout.Root, "docs/operations/backup.md"), TestContext.Current.CancellationToken), StringComparison.Ordinal);
        await elsewhere.Database.ExecuteAsync(SignEverybodyOut);
        Assert.Equal(401, (await identity.RefreshAsync(mesh.Leaves.RefreshToken)).Status);
        await Patience.UntilAsync(() => identity.GetAsync("/account", renewed.Token), answer => answer.Status == 401);
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
