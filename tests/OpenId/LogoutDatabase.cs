using AuthMesh.Identity;
using AuthMesh.Identity.Keys;
using AuthMesh.Identity.OpenId.BackchannelLogout;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Settings;
using AuthMesh.Tests.Harness;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Npgsql;

namespace AuthMesh.Tests.OpenId;

/// <summary>Classes that fill and empty one table of deliveries. One class runs at a time.</summary>
[CollectionDefinition]
public sealed class OnLogoutDatabase : ICollectionFixture<LogoutDatabase>;

/// <summary>A database with a user and two applications, on which no service runs.</summary>
public sealed class LogoutDatabase(ProductionMesh mesh) : IAsyncLifetime
{
    public const string User = "00000000-0000-0000-0000-000000000001", SignIn = "00000000-0000-0000-0000-000000000002",
        Application = "00000000-0000-0000-0000-0000000000aa", Silent = "00000000-0000-0000-0000-0000000000bb";

    private const string Rows =
        $"""
        INSERT INTO users (id, username, normalized_username, password_hash, role, epoch, is_demo, created_at)
        VALUES ('{User}', 'somebody', 'somebody', '', 'user', 1, false, now());
        INSERT INTO applications (id, client_id, name, kind, grants, scopes, backchannel_logout_uri, created_at) VALUES
            ('{Application}', 'told', 'told', 'web', '{"{authorization_code}"}', '{"{openid}"}', 'https://told.example/logout', now()),
            ('{Silent}', 'silent', 'silent', 'web', '{"{authorization_code}"}', '{"{openid}"}', NULL, now());
        INSERT INTO sessions (id, user_id, epoch, created_at, last_used_at, expires_at, device)
        VALUES ('{SignIn}', '{User}', 1, now(), now(), now() + interval '1 day', '')
        """;

    private static readonly PruneStatement[] Statements =
        [.. new ServiceCollection().AddModules().Select(service => service.ImplementationInstance).OfType<PruneStatement>()];

    private KeyRing ring = null!;

    public Database Database { get; private set; } = null!;

    internal Primary Primary { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Database = new Database(await mesh.Postgres.CreateDatabaseAsync());
        Primary = new Primary(NpgsqlDataSource.Create(Database.ConnectionString));
        ring = new KeyRing(new MasterKey(new byte[32]), TimeProvider.System, NullLogger<KeyRing>.Instance);
        await using var db = Database.Open();
        await ring.OpenAsync(db, TestContext.Current.CancellationToken);
    }

    /// <summary>Brings the rows back as they were: a user with a sign-in, and no session of an application.</summary>
    public async Task ResetAsync()
    {
        await Database.ExecuteAsync("DELETE FROM users; DELETE FROM applications; DELETE FROM logout_deliveries");
        await Database.ExecuteAsync("DELETE FROM revocations"); // which the commit before wrote
        await Database.ExecuteAsync(Rows);
    }

    /// <summary>Adds sessions of an application.</summary>
    public Task AddAsync(int count = 1, string application = Application, string? parent = SignIn, string expires = "1 day") =>
        Database.ExecuteAsync(
            """
            INSERT INTO sessions (
                id, kind, user_id, application_id, parent_id, epoch, client_epoch, scopes, created_at, last_used_at, expires_at, device)
            SELECT gen_random_uuid(), 'application', u.id, a.id, NULLIF($3, '')::uuid, u.epoch, a.epoch, '{openid}', now(), now(),
                now() + $4::interval, ''
            FROM users u, applications a, generate_series(1, $1) WHERE a.id = $2::uuid
            """,
            count, application, parent ?? "", expires);

    /// <summary>Adds deliveries to an address that are due.</summary>
    public Task AddDeliveriesAsync(int count, Uri address) => Database.ExecuteAsync(
        """
        INSERT INTO logout_deliveries (id, client_id, uri, session_id, user_id, created_at, next_attempt_at)
        SELECT gen_random_uuid(), 'told', $2, gen_random_uuid(), gen_random_uuid(), now(), now() FROM generate_series(1, $1)
        """,
        count, address.AbsoluteUri);

    public Task<long> CountAsync(string condition = "true") =>
        Database.ScalarAsync<long>($"SELECT count(*) FROM logout_deliveries WHERE {condition}");

    public async Task PruneAsync()
    {
        await using var db = Database.Open();
        await Prune.RunAsync(db, Statements, TestContext.Current.CancellationToken);
    }

    internal Task<int> SweepAsync() => SweepSessions.RunAsync(Primary, TestContext.Current.CancellationToken);

    internal LogoutTokens Tokens(TimeProvider? clock = null) =>
        new(ring, Options.Create(new AuthMeshOptions { Issuer = ProductionMesh.Issuer }), clock ?? TimeProvider.System);

    public async ValueTask DisposeAsync()
    {
        ring.Dispose();
        await Primary.DisposeAsync();
    }
}
