using AuthMesh.Identity.Platform.Database;
using AuthMesh.Tests.Harness;
using Npgsql;

namespace AuthMesh.Tests.Mail;

/// <summary>Classes that fill and empty one outbox. One class runs at a time.</summary>
[CollectionDefinition]
public sealed class OnMailDatabase : ICollectionFixture<MailDatabase>;

/// <summary>A database with one user, <c>somebody</c>, on which no service runs.</summary>
public sealed class MailDatabase(ProductionMesh mesh) : IAsyncLifetime
{
    public static readonly Guid UserId = Guid.Parse("00000000-0000-0000-0000-000000000001");

    public const string Address = "somebody@example.test";

    public Database Database { get; private set; } = null!;

    internal Primary Primary { get; private set; } = null!;

    public string ConnectionString => Database.ConnectionString;

    public async ValueTask InitializeAsync()
    {
        Database = new Database(await mesh.Postgres.CreateDatabaseAsync());
        Primary = new Primary(NpgsqlDataSource.Create(ConnectionString));
    }

    /// <summary>Empties the outbox and brings the user back as it was.</summary>
    public Task ResetAsync() => Database.ExecuteAsync(
        """
        DELETE FROM users;
        INSERT INTO users (id, username, normalized_username, password_hash, role, epoch, is_demo, created_at)
        VALUES ('00000000-0000-0000-0000-000000000001', 'somebody', 'somebody', '', 'user', 1, false, now())
        """);

    /// <summary>Puts mails into the outbox that are due now.</summary>
    public Task AddAsync(
        int count, string kind = "PasswordChanged", string address = Address, string data = "{}", string language = "en") =>
        Database.ExecuteAsync(
            """
            INSERT INTO mails (id, kind, user_id, address, language, data, created_at, due_at, expires_at, attempts)
            SELECT gen_random_uuid(), $2, u.id, $3, $5, $4::jsonb, now(), now(), now() + interval '1 day', 0
            FROM users u, generate_series(1, $1)
            """,
            count, kind, address, data, language);

    /// <summary>Makes all mails due that wait for their next attempt.</summary>
    public Task SkipPausesAsync() => Database.ExecuteAsync("UPDATE mails SET due_at = now()");

    public Task<long> CountAsync(string condition = "true") => Database.ScalarAsync<long>($"SELECT count(*) FROM mails WHERE {condition}");

    public ValueTask DisposeAsync() => Primary.DisposeAsync();
}
