using System.Security.Cryptography;
using AuthMesh.LocalMesh;
using AuthMesh.TestMesh;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.OpenId;

namespace AuthMesh.Tests.Pages;

/// <summary>Classes about the pages. One class runs at a time, on one mesh and with one browser.</summary>
[CollectionDefinition]
public sealed class OnPages : ICollectionFixture<PagesMesh>, ICollectionFixture<Chromium>;

/// <summary>A mesh whose issuer is the address that a browser opens, so that cookies and passkeys work.</summary>
public sealed class PagesMesh(ProductionMesh production) : IAsyncLifetime
{
    public const string Password = "a password for a test";

    public Mesh Mesh { get; private set; } = null!;

    public Caller Gateway { get; private set; } = null!;

    public Database Database { get; private set; } = null!;

    public string Origin => Mesh.Gateway.Address.GetLeftPart(UriPartial.Authority);

    public async ValueTask InitializeAsync()
    {
        Mesh = await Mesh.StartAsync(new MeshOptions
        {
            Start = WithinThisProcess.StartAsync,
            ConnectionString = await production.Postgres.CreateDatabaseAsync(),
            IdentitySettings = Unthrottled.WithCheapHashes,
            WritesMails = true,
        });
        Gateway = new Caller(Mesh.Gateway);
        Database = new Database(Mesh.ConnectionString);
    }

    /// <summary>Somebody who has not signed in.</summary>
    public Visitor Visit() => new(Gateway, Origin);

    /// <summary>Somebody who has just signed up, and is signed in.</summary>
    public async Task<(Visitor Visitor, string Username)> SignUpAsync()
    {
        var (visitor, username) = (Visit(), ProductionMesh.NewName());
        var answer = await visitor.PostAsync("/signup", ("username", username), ("password", Password));
        Assert.Equal((303, "/me?done=signed-up"), (answer.Status, answer.Header("Location")));
        return (visitor, username);
    }

    /// <summary>Makes a link as a mail would bring it, without the mail.</summary>
    public async Task<string> LinkAsync(string path, string purpose, string username, string? address = null)
    {
        var token = RandomNumberGenerator.GetString("abcdefghijklmnopqrstuvwxyz234567", 26);
        if (purpose == "Invitation")
        {
            await Database.ExecuteAsync("UPDATE users SET password_hash = NULL WHERE username = $1", username); // nobody has opened it yet
        }

        Assert.Equal(1, await Database.ExecuteAsync(
            """
            INSERT INTO account_proofs (token_hash, purpose, user_id, factors_epoch, address, created_at, expires_at)
            SELECT sha256($1::text::bytea), $2, id, factors_epoch, NULLIF($3, ''), now(), now() + interval '30 minutes'
            FROM users WHERE username = $4
            """,
            token, purpose, address ?? "", username));
        return $"{path}?token={token}";
    }

    /// <summary>Lets an account ask for an address, and makes the link that proves it.</summary>
    public async Task<string> ClaimAsync(string username, string address)
    {
        Assert.Equal(1, await Database.ExecuteAsync("UPDATE users SET requested_email = $2 WHERE username = $1", username, address));
        return await LinkAsync("/verify-email", "VerifyEmail", username, address);
    }

    /// <summary>Lets a television ask for a code.</summary>
    /// <returns>The code.</returns>
    public async Task<string> BeginDeviceAsync()
    {
        await Database.ExecuteAsync(
            """
            INSERT INTO applications (id, client_id, kind, name, is_first_party, grants, scopes, created_at)
            VALUES (gen_random_uuid(), 'films', 'native', 'Films', true, ARRAY[$1], '{openid,profile,orders.read}', now())
            ON CONFLICT (client_id) DO NOTHING
            """,
            DeviceCalls.Grant);
        var answer = await Gateway.SendAsync(
            HttpMethod.Post, "/device_authorization", new FormUrlEncodedContent([new("client_id", "films")]),
            request => request.Headers.TryAddWithoutValidation("User-Agent", "Mozilla/5.0 (Linux; Android 12) Chrome/120.0"));
        Assert.Equal(1, await Database.ExecuteAsync(
            "UPDATE device_authorizations SET network = '203.0.113.7' WHERE device_code_hash = sha256($1::text::bytea)",
            answer.DeviceCode()));
        return answer.UserCode();
    }

    /// <summary>Adds passkeys that no authenticator has.</summary>
    public async Task AddPasskeysAsync(string username, int count, int daysAgo = 0) => Assert.Equal(count, await Database.ExecuteAsync(
        """
        INSERT INTO passkeys (id, user_id, credential_id, public_key, name, sign_count, transports, is_backup_eligible, is_backed_up,
            created_at)
        SELECT gen_random_uuid(), id, sha256((username || n || $3)::bytea), '', 'key ' || n, 0, '{}', false, false,
            now() - $3 * interval '1 day'
        FROM users, generate_series(1, $2) n WHERE username = $1
        """,
        username, count, daysAgo));

    /// <summary>Lets an application act for an account: with a session if it is the team's own, and with a consent otherwise.</summary>
    /// <returns>The application's id.</returns>
    public Task<Guid> AllowAsync(string username, string application, bool isFirstParty, params string[] scopes) =>
        Database.ScalarAsync<Guid>(
            """
            WITH a AS (
                INSERT INTO applications (id, client_id, kind, name, is_first_party, scopes, created_at)
                SELECT id, 'app-' || id, 'web', $2, $3, $4, now() FROM gen_random_uuid() id RETURNING *),
            c AS (INSERT INTO consents SELECT u.id, a.id, a.scopes, now() FROM users u, a WHERE u.username = $1 AND NOT $3),
            s AS (
                INSERT INTO sessions (
                    id, kind, user_id, application_id, epoch, client_epoch, scopes, created_at, last_used_at, expires_at, device)
                SELECT gen_random_uuid(), 'application', u.id, a.id, u.epoch, a.epoch, a.scopes, now(), now(), now() + interval '1 day', ''
                FROM users u, a WHERE u.username = $1 AND $3)
            SELECT id FROM a
            """,
            username, application, isFirstParty, scopes);

    /// <summary>Lets as many wrong codes have come as block an account's authenticator app, or almost.</summary>
    public async Task BlockTotpAsync(string username, int wrongCodes = 50) => Assert.Equal(1, await Database.ExecuteAsync(
        "UPDATE totp_secrets SET wrong_codes = $2 FROM users u WHERE u.id = user_id AND u.username = $1", username, wrongCodes));

    public async ValueTask DisposeAsync()
    {
        Gateway?.Dispose();
        if (Mesh is not null)
        {
            await Mesh.DisposeAsync();
        }
    }
}
