using System.Security.Cryptography;
using System.Text.RegularExpressions;
using AuthMesh.LocalMesh;
using AuthMesh.Tests.Faults;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;
using Npgsql;

namespace AuthMesh.Tests.Databases;

/// <summary>
/// The service's user of the database has the rights of docs/production.md, which change no schema. Another user migrates with
/// <c>identity-service migrate</c>.
/// </summary>
public sealed class SchemaRightsTests(ProductionMesh mesh) : IAsyncLifetime
{
    private readonly string suffix = Guid.NewGuid().ToString("N")[..12];
    private readonly string password = Convert.ToHexString(RandomNumberGenerator.GetBytes(8));
    private OwnDatabase own = null!;

    private string Owner => "authmesh_owner_" + suffix;

    private string Service => "authmesh_" + suffix;

    public async ValueTask InitializeAsync()
    {
        own = await OwnDatabase.CreateEmptyAsync(mesh);
        await own.Database.ExecuteAsync(
            $"CREATE ROLE {Owner} LOGIN PASSWORD '{password}'; CREATE ROLE {Service} LOGIN PASSWORD '{password}'");
        await own.Database.ExecuteAsync(Documented("REVOKE CREATE"));
        own.Settings["Identity:Database:ConnectionString"] = ConnectionOf(Service);
    }

    [Fact]
    public async Task A_service_that_may_not_change_the_schema_waits_for_migrate_and_then_does_all_its_work()
    {
        await using var service = await own.StartAsync();
        using var identity = new Caller(service);
        var waiting = await Patience.UntilAsync(
            () => identity.GetAsync("/health/ready"), answer => answer.Text.Contains("identity-service migrate", StringComparison.Ordinal));
        waiting.AssertError(503, "not_ready");
        Assert.DoesNotContain(Service, waiting.Text, StringComparison.Ordinal);
        (await identity.LoginAsync("somebody", "a password for a test")).AssertError(503, "not_ready");
        Assert.Equal(0, await own.Database.ScalarAsync<long>("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"));

        // It needs no other setting than the connection of its own.
        own.Settings.Clear();
        own.Settings["Identity:Database:ConnectionString"] = ConnectionOf(Owner);
        var migrated = await own.RunAsync("Production", "migrate");
        migrated.AssertExited(0);
        Assert.Contains("The schema is at the migration", migrated.Output, StringComparison.Ordinal);

        await service.WaitUntilReadyAsync(cancellation: TestContext.Current.CancellationToken);
        Assert.Equal("Ready", (await identity.GetAsync("/health/ready")).Message);
        var user = await identity.SignUpAsync();
        Assert.Equal(200, (await identity.RefreshAsync(user.RefreshToken)).Status);
        Assert.Equal(200, (await identity.ExchangeAsync(new { cookie = user.Cookie })).Status);
        Assert.Equal(401, (await identity.LoginAsync(user.Username, "a wrong password")).Status);
        Assert.Equal(200, (await identity.LogoutAsync(user.Token)).Status); // its trigger writes the revocation log
        Assert.True(await own.Database.IsRevokedAsync(user.Answer.AccessToken()));
        var again = await identity.SignInAgainAsync(user);
        Assert.Equal(200, (await identity.ChangePasswordAsync(again.Token, user.Password, "another password")).Status);
        var last = await identity.SignInAsync(user.Username, "another password");
        Assert.Equal(200, (await identity.DeleteAccountAsync(last.Token, "another password")).Status);
        await AssertReadyAsync(identity);

        await new Database(ConnectionOf(Service)).ScalarAsync<long>("SELECT last_value FROM revocation_positions"); // pg_dump reads it

        // Neither tables nor the record of migrations are in its reach, and a second migration finds nothing to do.
        await own.Database.ExecuteAsync(Documented("REVOKE INSERT"));
        var asService = new Database(ConnectionOf(Service));
        foreach (var sql in new[]
            {
                "CREATE TABLE mine (id int)", "ALTER TABLE users ADD COLUMN mine int", "DROP TABLE users", "TRUNCATE users",
                "DELETE FROM \"__EFMigrationsHistory\"", "UPDATE schema_version SET oldest_version = ''",
            })
        {
            Assert.Equal(
                PostgresErrorCodes.InsufficientPrivilege,
                (await Assert.ThrowsAsync<PostgresException>(() => asService.ExecuteAsync(sql))).SqlState);
        }

        (await own.RunAsync("Production", "migrate")).AssertExited(0);
    }

    [Fact]
    public async Task Migrate_with_a_user_who_may_not_says_so_and_changes_nothing()
    {
        var refused = await own.RunAsync("Production", "migrate");

        refused.AssertExited(1);
        Assert.Contains("the database's user may not change it", refused.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain(password, refused.ToString(), StringComparison.Ordinal);
        Assert.Equal(0, await own.Database.ScalarAsync<long>("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"));
    }

    [Fact]
    public async Task Migrate_demands_a_connection()
    {
        own.Settings.Clear();

        var refused = await own.RunAsync("Production", "migrate");

        refused.AssertExited(1);
        Assert.Contains("Identity:Database:ConnectionString", refused.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("MasterKey", refused.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("AuthMesh:", refused.Errors, StringComparison.Ordinal);
    }

    public async ValueTask DisposeAsync()
    {
        // The server is shared, and keeps roles when a database goes.
        await own.Database.ExecuteAsync($"DROP OWNED BY {Service}, {Owner}; DROP ROLE {Service}, {Owner}");
        await own.DisposeAsync();
    }

    private static Task<Answer> AssertReadyAsync(Caller identity) =>
        Patience.UntilAsync(() => identity.GetAsync("/health/ready"), answer => answer.Message == "Ready");

    private string ConnectionOf(string role) => new NpgsqlConnectionStringBuilder(own.Database.ConnectionString)
    {
        Username = role, Password = password, MaxPoolSize = 5,
    }.ConnectionString;

    /// <summary>The SQL of the page that begins with these words, with the roles of this test.</summary>
    private string Documented(string beginning) =>
        Regex.Match(
            File.ReadAllText(Path.Combine(Checkout.Root, "docs/production.md")), $"```sql\n({beginning}.*?)```", RegexOptions.Singleline)
            .Groups[1].Value
            .Replace("authmesh_owner", Owner, StringComparison.Ordinal).Replace("authmesh_service", Service, StringComparison.Ordinal);
}
