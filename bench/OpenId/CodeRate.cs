using System.Buffers.Text;
using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using AuthMesh.Bench.Comparison;
using AuthMesh.Bench.Versions;
using AuthMesh.Identity.Applications;
using AuthMesh.Identity.OpenId;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.LocalMesh;
using AuthMesh.TestMesh;
using Npgsql;
using NpgsqlTypes;

namespace AuthMesh.Bench.OpenId;

/// <summary>
/// Measures how many codes per second applications trade for tokens, against the same statements in one transaction through plain Npgsql
/// and two signatures.
/// </summary>
internal static class CodeRate
{
    private const int Callers = 64, TokenBytes = 700; // of an access token's header and payload

    public static async Task<IReadOnlyList<Row>> MeasureAsync(Plan plan, CancellationToken cancellation)
    {
        await using var mesh = await Mesh.StartAsync(
            new MeshOptions { DemoUsers = true, GatewaySettings = Unthrottled.Gateway }, cancellation);
        var own = new DatabaseOptions { ConnectionString = mesh.ConnectionString }.ReadHosts()[0];
        await using var prepared = NpgsqlDataSource.Create(own);
        await using var plain = NpgsqlDataSource.Create(
            new NpgsqlConnectionStringBuilder(mesh.ConnectionString) { MaxPoolSize = own.MaxPoolSize });
        var codes = await Codes.CreateAsync(mesh, plain, plan.IsSmoke ? 4_000 : 16_000, cancellation);

        var identity = mesh.Identity.ProcessId!.Value;
        var (service, statements, preparedStatements) = (new List<double>(), new List<double>(), new List<double>());
        var processorTime = new List<double>();
        var turn = TimeSpan.FromSeconds(plan.IsSmoke ? 1 : 3); // longer turns would need more codes
        var warmUp = Stopwatch.StartNew();
        for (var round = plan.WarmUp > TimeSpan.Zero ? -1 : 0; round < plan.Rounds;) // rounds below 0 are not counted
        {
            foreach (var contender in round % 2 == 0 ? (int[])[0, 1, 2] : [2, 1, 0])
            {
                await codes.RenewAsync(cancellation);
                var (perSecond, cpu) = contender == 0
                    ? await PostAsync(mesh.Identity.Address, identity, codes, turn, cancellation)
                    : (await RedeemAsync(contender == 1 ? plain : prepared, codes, turn, cancellation), 0);
                if (round >= 0)
                {
                    ((List<double>[])[service, statements, preparedStatements])[contender].Add(perSecond);
                    processorTime.AddRange(contender == 0 ? [cpu] : []);
                }
            }

            round += round >= 0 || warmUp.Elapsed >= plan.WarmUp ? 1 : 0;
        }

        return
        [
            new Row(
                "POST /token with a code", "the same statements and two signatures through Npgsql",
                [.. service.Zip(statements, (ours, theirs) => ours / theirs)], Targets.Code)
            {
                Figures = FormattableString.Invariant(
                    $"at the identity service {Row.Median(service):0}/s, {Row.Median(processorTime) * 10_000:0.0} CPU s per 10,000; ")
                    + FormattableString.Invariant($"to the statements alone {Row.Median(statements):0}/s; ")
                    + FormattableString.Invariant($"the same, prepared as the service's are {Row.Median(preparedStatements):0}/s"),
            },
        ];
    }

    private static async Task<(double PerSecond, double Cpu)> PostAsync(
        Uri address, int processId, Codes codes, TimeSpan time, CancellationToken cancellation)
    {
        var before = await codes.CountSpentAsync(cancellation);
        var sent = 0;
        string Next(System.Text.Json.JsonElement answer)
        {
            Interlocked.Increment(ref sent);
            return codes.NextForm();
        }

        var load = new PostLoad(
            address, "/token", processId, [.. Enumerable.Range(0, Callers).Select(_ => codes.NextForm())], Next,
            "application/x-www-form-urlencoded");
        var measured = await load.RunAsync(time, cancellation);
        await codes.CheckAsync(before, sent, cancellation); // PostLoad takes no other answer than 200
        return measured;
    }

    private static async Task<double> RedeemAsync(NpgsqlDataSource database, Codes codes, TimeSpan time, CancellationToken cancellation)
    {
        var (before, done, turn) = (await codes.CountSpentAsync(cancellation), 0, Stopwatch.StartNew());
        await Task.WhenAll(Enumerable.Range(0, Callers).Select(_ => Task.Run(
            async () =>
            {
                using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
                var text = new byte[TokenBytes];
                while (turn.Elapsed < time)
                {
                    await codes.RedeemAsync(database, cancellation);
                    key.SignData(text, HashAlgorithmName.SHA256);
                    key.SignData(text, HashAlgorithmName.SHA256);
                    Interlocked.Increment(ref done);
                }
            },
            cancellation)));
        var perSecond = done / turn.Elapsed.TotalSeconds;
        await codes.CheckAsync(before, done, cancellation);
        return perSecond;
    }
}

/// <summary>Codes of one application, each of another user's sign-in.</summary>
internal sealed class Codes
{
    private const string Redirect = "https://app.example/callback";

    // 256 bits in base64url, as a real one.
    private const string Verifier = "a-verifier-that-is-as-long-as-a-random-one1";

    private const string Seed =
        """
        WITH made AS (
            INSERT INTO users (id, username, normalized_username, password_hash, role, epoch, is_demo, created_at)
            SELECT gen_random_uuid(), 'code-' || n, 'code-' || n, '', 'user', 0, false, now() FROM generate_series(1, $1) n
            RETURNING id)
        INSERT INTO sessions (id, user_id, epoch, created_at, last_used_at, expires_at, device)
        SELECT gen_random_uuid(), id, 0, now(), now(), now() + interval '14 days', '' FROM made
        """;

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
        await using (var seed = database.CreateCommand(Seed))
        {
            seed.Parameters.Add(new NpgsqlParameter<int> { TypedValue = count });
            await seed.ExecuteNonQueryAsync(cancellation);
        }

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
            new() { Value = Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(Verifier))) },
        ]);
        await command.ExecuteNonQueryAsync(cancellation);
        await using var analyze = database.CreateCommand("ANALYZE authorization_codes, sessions, users");
        await analyze.ExecuteNonQueryAsync(cancellation);
    }

    public string NextForm() =>
        $"grant_type=authorization_code&code={NextCode()}&redirect_uri={Uri.EscapeDataString(Redirect)}&code_verifier={Verifier}"
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
                new("challenge", Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(Verifier)))),
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
