using System.Buffers.Text;
using System.Security.Cryptography;
using AuthMesh.Bench.Sessions;
using AuthMesh.Identity.Applications;
using AuthMesh.Identity.OpenId;
using AuthMesh.LocalMesh;
using AuthMesh.TestMesh;
using Npgsql;
using NpgsqlTypes;

namespace AuthMesh.Bench.OpenId;

/// <summary>Codes of one application, each of another user's sign-in.</summary>
internal sealed class Codes
{
    private const string Redirect = "https://app.example/callback";

    private const string Renew =
        """
        WITH old AS (DELETE FROM authorization_codes WHERE application_id = $1)
        INSERT INTO authorization_codes (
            code_hash, application_id, user_id, parent_id, epoch, client_epoch, redirect_uri, challenge, nonce, scopes, expires_at)
        SELECT sha256(($2 || lpad(row_number() OVER ()::text, 8, '0'))::bytea), a.id, s.user_id, s.id, s.epoch, a.epoch, $3, $4, $2,
            a.scopes, now() + interval '10 minutes'
        FROM sessions s, users u, applications a
        WHERE a.id = $1 AND s.kind = 'sign_in' AND u.id = s.user_id AND u.username LIKE 'code-%'
        """;

    private readonly NpgsqlDataSource database;
    private readonly Guid applicationId;
    private readonly string clientId, secret;
    private readonly int count;
    private string prefix = "";
    private int next;

    private Codes(NpgsqlDataSource database, Guid applicationId, string clientId, string secret, int count) =>
        (this.database, this.applicationId, this.clientId, this.secret, this.count) =
            (database, applicationId, clientId, secret, count);

    public static async Task<Codes> CreateAsync(Mesh mesh, NpgsqlDataSource database, int count, CancellationToken cancellation)
    {
        using var gateway = new Caller(mesh.Gateway.Address);
        var (signedIn, _) = await gateway.PostAsync("/login", new { username = "admin", password = "admin123" });
        var made = await gateway.ReadAsync(
            HttpMethod.Post, "/applications",
            new
            {
                client_id = "bench", kind = "web", first_party = true, require_consent = false,
                scopes = (string[])["openid", "profile", "mesh"], redirect_uris = (string[])[Redirect],
            },
            ("Authorization", "Bearer " + signedIn.GetProperty("token").GetString()));
        await StoredSignIns.CreateAsync(database, "code", count, cancellation);
        return new Codes(
            database, made.GetProperty("application").GetProperty("id").GetGuid(), "bench", made.GetProperty("client_secret").GetString()!,
            count);
    }

    /// <summary>Replaces all codes by as many new ones.</summary>
    public async Task RenewAsync(CancellationToken cancellation)
    {
        (prefix, next) = (Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(26)), 0); // 43 characters with the number
        await using var command = database.CreateCommand(Renew);
        command.CommandTimeout = 60;
        command.Parameters.AddRange((NpgsqlParameter[])
        [
            new() { Value = applicationId }, new() { Value = prefix }, new() { Value = Redirect },
            new() { Value = Pkce.Challenge },
        ]);
        await command.ExecuteNonQueryAsync(cancellation);
        await using var analyze = database.CreateCommand("ANALYZE authorization_codes, sessions, users");
        await analyze.ExecuteNonQueryAsync(cancellation);
    }

    public string NextForm() =>
        $"grant_type=authorization_code&code={NextCode()}&redirect_uri={Uri.EscapeDataString(Redirect)}&code_verifier={Pkce.Verifier}"
        + $"&client_id={clientId}&client_secret={secret}";

    /// <summary>Sends the statements of the service.</summary>
    public async Task RedeemAsync(NpgsqlDataSource source, CancellationToken cancellation)
    {
        var code = NextCode();
        await using var connection = await source.OpenConnectionAsync(cancellation);
        await using (var find = Command(Clients.FindBySecret, connection, null))
        {
            find.Parameters.AddWithValue("client_id", clientId);
            find.Parameters.AddWithValue("hash", NewSecret.HashOf(secret));
            await using var found = await find.ExecuteReaderAsync(cancellation);
            await found.ReadAsync(cancellation);
        }

        await using var transaction = await connection.BeginTransactionAsync(cancellation);
        var hash = IssueCode.HashOf(code);
        foreach (var statement in (string[])[RedeemCode.LockUser, RedeemCode.LockParent])
        {
            await using var @lock = Command(statement, connection, transaction);
            @lock.Parameters.AddWithValue("code", hash);
            await @lock.ExecuteNonQueryAsync(cancellation);
        }

        Guid user;
        await using (var redeem = Command(RedeemCode.Redeem, connection, transaction))
        {
            redeem.Parameters.AddRange((NpgsqlParameter[])
            [
                new("code", hash), new("application", applicationId), new("redirect_uri", Redirect),
                new("challenge", Pkce.Challenge),
                new("session", Guid.CreateVersion7()), new("mesh", "authmesh"),
                new("resource", NpgsqlDbType.Text) { Value = DBNull.Value },
            ]);
            await using var row = await redeem.ExecuteReaderAsync(cancellation);
            user = await row.ReadAsync(cancellation) ? row.GetGuid(1) : throw new InvalidOperationException("The code does not count.");
        }

        await using (var end = Command(StartApplicationSession.EndOldest, connection, transaction))
        {
            end.Parameters.AddWithValue("user", user);
            await end.ExecuteNonQueryAsync(cancellation);
        }

        await transaction.CommitAsync(cancellation);
    }

    public async Task<long> CountSpentAsync(CancellationToken cancellation)
    {
        await using var command = database.CreateCommand("SELECT count(*) FROM authorization_codes WHERE spent_at IS NOT NULL");
        return (long)(await command.ExecuteScalarAsync(cancellation))!;
    }

    /// <exception cref="InvalidOperationException">Another number of codes was spent.</exception>
    public async Task CheckAsync(long before, int expected, CancellationToken cancellation)
    {
        var spent = await CountSpentAsync(cancellation) - before;
        if (spent != expected)
        {
            throw new InvalidOperationException($"{expected} calls spent {spent} codes.");
        }
    }

    private static NpgsqlCommand Command(string statement, NpgsqlConnection connection, NpgsqlTransaction? transaction) =>
        new(statement, connection, transaction);

    private string NextCode()
    {
        var number = Interlocked.Increment(ref next);
        return number <= count ? prefix + number.ToString("00000000", System.Globalization.CultureInfo.InvariantCulture)
            : throw new InvalidOperationException("There are too few codes for one turn.");
    }
}
