using System.Globalization;
using System.Security.Cryptography;
using AuthMesh.LocalMesh;
using Npgsql;

namespace AuthMesh.Bench.Flood;

/// <summary>Users with proved addresses, for a flood of forgotten passwords, in a mesh whose mail server is away.</summary>
internal static class ForgetfulUsers
{
    private const int Count = 20_000;

    /// <summary>Nothing listens on this port, so every mail stays in the outbox.</summary>
    public static Dictionary<string, string> MailSettings { get; } = new()
    {
        ["Identity:Mail:Host"] = "127.0.0.1",
        ["Identity:Mail:Port"] = "9",
        ["Identity:Mail:Tls"] = "None",
        ["Identity:Mail:From"] = "accounts@example.com",
    };

    /// <returns>The name of a user, or as often a name that no user has.</returns>
    public static string AnyName() =>
        "forgetful-" + RandomNumberGenerator.GetInt32(2 * Count).ToString(CultureInfo.InvariantCulture);

    public static async Task CreateAsync(Mesh mesh, CancellationToken cancellation)
    {
        await using var database = NpgsqlDataSource.Create(mesh.ConnectionString);
        await using var command = database.CreateCommand(
            """
            INSERT INTO users (id, username, normalized_username, password_hash, role, epoch, is_demo, created_at, email, normalized_email,
                email_verified_at)
            SELECT gen_random_uuid(), name, name, '', 'user', 0, false, now(), name || '@example.com', name || '@example.com', now()
            FROM (SELECT 'forgetful-' || n AS name FROM generate_series(0, $1 - 1) n) names
            """);
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = Count });
        await command.ExecuteNonQueryAsync(cancellation);
    }

    public static async Task<string> DescribeQueuesAsync(Mesh mesh, CancellationToken cancellation)
    {
        await using var database = NpgsqlDataSource.Create(mesh.ConnectionString);
        await using var command = database.CreateCommand(
            "SELECT format('%s mail requests wait, and %s mails', (SELECT count(*) FROM mail_requests), (SELECT count(*) FROM mails))");
        return (string)(await command.ExecuteScalarAsync(cancellation))!;
    }
}
