using System.Buffers.Text;
using AuthMesh.Cookies;
using AuthMesh.Tests.Faults;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;
using Microsoft.IdentityModel.JsonWebTokens;

namespace AuthMesh.Tests.Databases;

/// <summary>
/// This version starts on a database that commit fbf85dc left: <c>Fixtures/fbf85dc.sql</c>, the master key and what its clients kept.
/// </summary>
public sealed class UpgradeTests(ProductionMesh mesh)
{
    private const string MasterKey = "YXV0aG1lc2gtdXBncmFkZS1maXh0dXJlLW1hc3RlciE=", Password = "a password for the fixture";

    // Of carol's browser.
    private const string Cookie = "8PGgJcvjJ57jyVevjpawJWNrxcifKLIEMo1P1R-3rXM",
        Device =
            "AdOUWCEBoiPLMPt0orTeBQJ33wZrAAAAAEn96bovp_uK-SgwrrQDeRFkKACe4_6_kcFqbkoaT7CAYlqX-hv_LaSDbaq9I4Wi"
            + "bA",
        RefreshToken = "authmesh_rt_AdOUWCEBoiPLMYh2XIAYgYUI4rqyAAAAAAAAAABhkeTmENENzScSoXVKXz2OZiAYGIz1OfRwCYNkxF"
            + "5YRA";

    // Of carol's console client, which has refreshed once.
    private const string Refreshed = "authmesh_rt_AdOUWCEBoiPLMdJxzISnUKdGXaXvAAAAAAAAAAEW6l-n1t7iVWYrUv4LPGx3zEnhlmXe3sQr7psaef"
        + "OLUQ";

    // Of a session that carol ended.
    private const string EndedCookie = "1h0VyzXhx4ehWbFVgaOogcdvWFVLrZsF-DefOsN2df8", EndedRefreshToken =
        "authmesh_rt_AdOUWCEBoiPLMgh_CrGYBwC8fVbNAAAAAAAAAAB8qFusRpKDr8lju-DOYd2_3OYsTFF6pX1ao1PoWV"
        + "vN4g";

    private const string DavesCookie = "tVbw8VR5TYH90FKK3a1l9b6DKbH9ZwSdyQi3PjL_mr4";

    // The dump grows old, so the test moves its times to now.
    private const string MoveTimes =
        """
        CREATE TEMP TABLE age AS SELECT now() - max(last_used_at) - interval '1 minute' AS value FROM sessions;
        UPDATE sessions SET created_at = created_at + value, last_used_at = last_used_at + value, expires_at = expires_at + value,
            refreshed_at = refreshed_at + value FROM age;
        UPDATE ring_keys SET created_at = created_at + value, activated_at = activated_at + value FROM age;
        UPDATE revocations SET written_at = written_at + value FROM age;
        """;

    [Fact]
    public async Task A_database_of_an_earlier_version_is_migrated_and_nobody_is_signed_out()
    {
        await using var own = await OwnDatabase.CreateEmptyAsync(mesh);
        await own.Database.ExecuteAsync(await File.ReadAllTextAsync(
            Path.Combine(Checkout.Root, "tests/Databases/Fixtures/fbf85dc.sql"), TestContext.Current.CancellationToken));
        await own.Database.ExecuteAsync(MoveTimes);
        own.Settings["Identity:MasterKey"] = MasterKey;
        await using var service = await own.StartAsync();
        await service.WaitUntilReadyAsync(cancellation: TestContext.Current.CancellationToken);
        using var identity = new Caller(service);

        // 1. Session cookies and refresh tokens go on. Their sessions began with a password, at the time of the sign-in.
        foreach (var cookie in (string[])[Cookie, DavesCookie])
        {
            var exchanged = await identity.ExchangeAsync(new { cookie });
            Assert.Equal(200, exchanged.Status);
            var token = new JsonWebToken(exchanged.Token);
            Assert.Equal(
                await own.Database.ScalarAsync<string>(
                    "SELECT floor(extract(epoch FROM created_at))::bigint::text FROM sessions WHERE id = $1", token.SessionId()),
                token.GetClaim("auth_time").Value);
            Assert.Equal(("aal1", "pwd"), (token.GetClaim("acr").Value, token.GetClaim("amr").Value));
        }

        Assert.Equal(200, (await identity.RefreshAsync(RefreshToken)).Status);
        Assert.Equal(200, (await identity.RefreshAsync(Refreshed)).Status);

        Assert.Equal(0, await own.Database.ScalarAsync<long>("SELECT count(*) FROM sessions WHERE kind <> 'sign_in'"));

        // 2. A session that had ended stays ended.
        (await identity.ExchangeAsync(new { cookie = EndedCookie })).AssertError(401, "invalid_session");
        (await identity.RefreshAsync(EndedRefreshToken)).AssertError(401, "invalid_refresh_token");

        // 3. The password is still right, and the device is still known: its new cookie keeps the nonce that identifies it.
        var login = await identity.LoginAsync("carol", Password, $"{CookieNames.Device(ProductionMesh.Issuer)}={Device}");
        Assert.Equal(200, login.Status);
        var renewed = login.DeviceCookie()!;
        Assert.True(Bytes(renewed[(renewed.IndexOf('=', StringComparison.Ordinal) + 1)..]).AsSpan().IndexOf(Nonce(Device)) > 0);
        Assert.Equal(401, (await identity.LoginAsync("carol", "another password")).Status);

        // 4. A replica of the version before goes on beside this one: it inserts users and sessions without the new columns.
        await own.Database.ExecuteAsync(
            """
            INSERT INTO users (id, username, normalized_username, password_hash, role, epoch, is_demo, created_at)
            VALUES (gen_random_uuid(), 'erin', 'erin', '', 'user', 0, false, now());
            INSERT INTO sessions (id, user_id, epoch, created_at, last_used_at, expires_at, device, network, cookie_hash)
            SELECT gen_random_uuid(), id, 0, now(), now(), now() + interval '14 days', '', '', ''::bytea FROM users WHERE username = 'erin'
            """);
        Assert.True(await own.Database.ScalarAsync<bool>(
            "SELECT methods ? 'pwd' AND kind = 'sign_in' FROM sessions JOIN users ON users.id = user_id WHERE username = 'erin'"));
    }

    // Of the payload behind version and key: user, epoch, nonce.
    private static byte[] Nonce(string deviceCookie) => Bytes(deviceCookie)[25..41];

    private static byte[] Bytes(string text) => Base64Url.DecodeFromChars(text);
}
