using AuthMesh.Tests.Faults;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Microsoft.IdentityModel.JsonWebTokens;

namespace AuthMesh.Tests.Databases;

/// <summary>A newer version starts on the database of an older one, and nobody is signed out.</summary>
public sealed class UpgradeTests(ProductionMesh mesh)
{
    private const string LastWithoutProofs = "20261128142000_RevocationsSql";

    [Fact]
    public async Task Sessions_from_before_proofs_were_stored_began_with_a_password()
    {
        await using var own = await OwnDatabase.CreateAsync(mesh);
        (await own.RunAsync("Production", "rotate", "--emergency")).AssertExited(0); // makes the keys
        await using (var db = own.Database.Open())
        {
            await db.GetService<IMigrator>().MigrateAsync(LastWithoutProofs, TestContext.Current.CancellationToken);
        }

        // 1. A user and a session as the version before left them.
        var (user, session, cookie) = (Guid.NewGuid(), Guid.NewGuid(), AuthMesh.Identity.Sessions.SessionCookie.Create());
        await own.Database.ExecuteAsync(
            """
            INSERT INTO users (id, username, normalized_username, password_hash, role, epoch, is_demo, created_at)
            VALUES ($1, 'carol', 'carol', '', 'user', 0, false, now())
            """,
            user);
        await own.Database.ExecuteAsync(
            """
            INSERT INTO sessions (id, user_id, epoch, created_at, last_used_at, expires_at, device, network, cookie_hash)
            VALUES ($1, $2, 0, '2026-11-20T10:00:00.9Z', now(), now() + interval '14 days', '', '', $3)
            """,
            session, user, cookie.Hash);

        // 2. This version migrates the database, and the session goes on.
        await using var service = await own.StartAsync();
        await service.WaitUntilReadyAsync(cancellation: TestContext.Current.CancellationToken);
        using var identity = new Caller(service.Address);
        var exchanged = await identity.ExchangeAsync(new { cookie = cookie.Text });

        Assert.Equal(200, exchanged.Status);
        var token = new JsonWebToken(exchanged.Token);
        Assert.Equal(
            ("1795168800", "aal1", "pwd"),
            (token.GetClaim("auth_time").Value, token.GetClaim("acr").Value, token.GetClaim("amr").Value));

        // 3. A replica of the version before inserts a session meanwhile, which it does not say a proof of.
        await own.Database.ExecuteAsync(
            """
            INSERT INTO sessions (id, user_id, epoch, created_at, last_used_at, expires_at, device, network, cookie_hash)
            SELECT gen_random_uuid(), user_id, 0, now(), now(), now() + interval '14 days', '', '', ''::bytea FROM sessions
            """);
        Assert.Equal(2, await own.Database.ScalarAsync<long>("SELECT count(*) FROM sessions WHERE methods ? 'pwd'"));
    }
}
