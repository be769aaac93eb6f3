using System.Security.Cryptography;
using AuthMesh.Identity.Keys;
using AuthMesh.Tests.Faults;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;
using Microsoft.IdentityModel.JsonWebTokens;

namespace AuthMesh.Tests.Keys;

/// <summary>A stolen signing key, and the operator's emergency rotation.</summary>
public sealed class EmergencyTests(ProductionMesh production)
{
    [Fact]
    public async Task An_emergency_rotation_revokes_stolen_keys_everywhere_and_new_logins_work_at_once()
    {
        await using var mesh = await KeyMesh.StartAsync(
            production, new() { ["MaxAge"] = "00:00:01" }, identities: 2, resources: 2, gateways: 2);
        (await mesh.Own.RunAsync("Production", "rotate")).AssertExited(0); // adds a retired key
        var masterKey = Convert.FromBase64String(mesh.Own.Settings["Identity:MasterKey"]);
        var stolen = new List<Forge>();
        foreach (var state in Enum.GetValues<RingKeyState>())
        {
            stolen.Add(await Forge.OpenAsync(mesh.Database, masterKey, state));
        }

        var user = await mesh.Gateway.SignUpAsync();
        var tokens = stolen.Select(key => key.Sign(key.Header(), Forge.Claims())).Append(user.Token).ToList();
        foreach (var token in tokens)
        {
            await mesh.AssertAcceptedEverywhereAsync(token);
        }

        await AssertCookieOpensAsync(mesh, user); // each gateway caches a token for the cookie now
        foreach (var verifier in mesh.Verifiers) // each has just asked for an unknown key, so it would not ask again for a while
        {
            var nobodys = new Forge("forged", ECDsa.Create(ECCurve.NamedCurves.nistP256));
            (await verifier.GetAsync("/protected", nobodys.Sign(nobodys.Header(), Forge.Claims()))).AssertError(401, "invalid_token");
        }

        var done = await mesh.Own.RunAsync("Production", "rotate", "--emergency");

        done.AssertExited(0);
        Assert.All(stolen, key => Assert.Contains(key.KeyId, done.Output, StringComparison.Ordinal));
        Assert.Contains("Refresh tokens, cookies and passwords keep working", done.Output, StringComparison.Ordinal);
        Assert.Contains("Every connected verifier has acknowledged the new key.", done.Output, StringComparison.Ordinal);
        var fresh = (await mesh.Gateway.SignInAgainAsync(user)).Token;
        await mesh.AssertAcceptedEverywhereAsync(fresh); // at the first attempt
        await mesh.AssertAcceptedEverywhereAsync((await mesh.Gateway.RefreshAsync(user.RefreshToken)).Token);
        await AssertCookieOpensAsync(mesh, user);
        foreach (var verifier in mesh.Verifiers)
        {
            foreach (var token in tokens)
            {
                (await verifier.GetAsync("/protected", token)).AssertError(401, "invalid_token");
            }
        }

        foreach (var issuer in mesh.Identities.Append(mesh.Gateway))
        {
            var keys = (await issuer.GetAsync("/.well-known/jwks.json")).Json.GetProperty("keys").EnumerateArray()
                .Select(key => key.GetProperty("kid").GetString()).ToList();
            Assert.Equal(2, keys.Count);
            Assert.Empty(keys.Intersect(stolen.Select(key => key.KeyId)));
            Assert.Contains(new JsonWebToken(fresh).Kid, keys);
        }

        Assert.All(mesh.TimesLogged("is back in the ring"), times => Assert.Equal(0, times));
    }

    [Fact]
    public async Task The_revocation_log_distrusts_the_old_keys_before_it_announces_the_new_ones()
    {
        await using var own = await OwnDatabase.CreateAsync(production);
        (await own.RunAsync("Production", "rotate", "--emergency")).AssertExited(0);

        var kinds = await own.Database.ScalarAsync<string>(
            "SELECT string_agg(kind, ' ' ORDER BY position) FROM revocations WHERE position >= (SELECT min(position) FROM revocations "
            + "WHERE kind = 'key-distrusted')");

        Assert.Matches("^(key-distrusted ){2}(keys-changed ?){4}$", kinds);
    }

    [Fact]
    public async Task A_stolen_key_that_a_restore_brings_back_signs_nothing_and_the_log_names_the_cure()
    {
        await using var mesh = await KeyMesh.StartAsync(production, []);
        var user = await mesh.Gateway.SignUpAsync();

        var stolen = await mesh.SigningKeyAsync();
        await mesh.Database.ExecuteAsync("CREATE TABLE kept_keys AS TABLE ring_keys");
        await mesh.Database.ExecuteAsync("CREATE TABLE kept_log AS TABLE revocations");
        (await mesh.Own.RunAsync("Production", "rotate", "--emergency")).AssertExited(0);
        await mesh.AssertAcceptedEverywhereAsync((await mesh.Gateway.SignInAgainAsync(user)).Token);

        // As a restore does: no trigger announces the change. The log of the copy is older than an hour, so it has no entry about keys.
        await mesh.Database.ExecuteAsync(
            """
            BEGIN; SET LOCAL session_replication_role = replica;
            DELETE FROM ring_keys; INSERT INTO ring_keys SELECT * FROM kept_keys;
            DELETE FROM revocations; INSERT INTO revocations SELECT * FROM kept_log WHERE kind <> 'keys-changed'; COMMIT
            """);

        Assert.Equal(stolen, await mesh.SigningKeyAsync());
        foreach (var identity in mesh.Identities)
        {
            var answer = await Patience.UntilAsync(() => identity.LoginAsync(user.Username, user.Password), answer => answer.Status == 503);
            answer.AssertError(503, "keys_unavailable");
            (await identity.RefreshAsync(user.RefreshToken)).AssertError(503, "keys_unavailable");
            (await identity.GetAsync("/health/ready")).AssertError(503, "not_ready", "Not ready: waiting for the signing keys");
        }

        await Patience.UntilAsync(() => mesh.TimesLogged("dotnet identity-service.dll rotate --emergency").All(times => times == 1));
        (await mesh.Own.RunAsync("Production", "rotate", "--emergency")).AssertExited(0);

        foreach (var identity in mesh.Identities)
        {
            await Patience.UntilAsync(() => identity.LoginAsync(user.Username, user.Password), answer => answer.Status == 200);
        }

        await mesh.AssertAcceptedEverywhereAsync((await mesh.Gateway.RefreshAsync(user.RefreshToken)).Token); // refreshing works again
    }

    private static async Task AssertCookieOpensAsync(KeyMesh mesh, SignedIn user)
    {
        foreach (var gateway in mesh.Gateways)
        {
            var answer = await gateway.SendAsync(
                HttpMethod.Get, "/protected", change: request => request.Headers.Add("Cookie", "__Host-authmesh=" + user.Cookie));
            Assert.Equal(200, answer.Status);
        }
    }
}
