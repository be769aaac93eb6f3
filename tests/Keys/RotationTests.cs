using AuthMesh.Tests.Faults;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;
using Microsoft.IdentityModel.JsonWebTokens;

namespace AuthMesh.Tests.Keys;

/// <summary>Signing keys that rotate automatically every ten seconds while the class runs.</summary>
public sealed class RotationTests(RotatingMesh rotating) : IClassFixture<RotatingMesh>
{
    private readonly KeyMesh mesh = rotating.Mesh;

    [Fact]
    public async Task A_key_pair_is_announced_signs_verifies_and_is_deleted_after_its_tokens_have_expired()
    {
        var (first, next) = (await mesh.SigningKeyAsync(), await AnnouncedAsync());
        var token = await mesh.SignUpAsync();
        Assert.Equal(first, KeyOf(token));
        await AssertPublishedAsync(first, next);

        // 1. The announced key signs, and the previous key still verifies its tokens.
        Assert.Equal(next, await mesh.UntilRotatedAsync(first));
        var later = await Patience.UntilAsync(mesh.SignUpAsync, token => KeyOf(token) != first);
        await mesh.AssertAcceptedEverywhereAsync(later);
        await mesh.AssertAcceptedEverywhereAsync(token);
        await AssertPublishedAsync(first, next);
        Assert.Equal("Retired", await mesh.Database.ScalarAsync<string>("SELECT state FROM ring_keys WHERE id = $1", first));

        // 2. The ring deletes a key once all its tokens must have expired. Only the stored time moves, so the token outlives its key.
        await mesh.Database.ExecuteAsync("UPDATE ring_keys SET retired_at = now() - interval '69 minutes' WHERE id = $1", first);
        await mesh.UntilRotatedAsync(await mesh.SigningKeyAsync()); // a rotation also deletes old keys
        await mesh.AssertAcceptedEverywhereAsync(token);
        await mesh.Database.ExecuteAsync("UPDATE ring_keys SET retired_at = now() - interval '70 minutes' WHERE id = $1", first);
        await Patience.UntilAsync(
            async () => await mesh.Database.ScalarAsync<long>("SELECT count(*) FROM ring_keys WHERE id = $1", first) == 0);
        foreach (var verifier in mesh.Verifiers)
        {
            (await Patience.UntilAsync(() => verifier.GetAsync("/protected", token), answer => answer.Status == 401))
                .AssertError(401, "invalid_token");
            Assert.Equal(200, (await verifier.GetAsync("/protected", later)).Status);
        }

        foreach (var identity in mesh.Identities)
        {
            await Patience.UntilAsync(
                async () => !(await identity.GetAsync("/.well-known/jwks.json")).Text.Contains(first, StringComparison.Ordinal));
        }
    }

    [Fact]
    public async Task Two_replicas_rotate_once_and_sign_with_one_key()
    {
        var start = await mesh.Database.ScalarAsync<DateTime>("SELECT now()"); // other tests move times by hand
        for (var rotations = 0; rotations < 3; rotations++)
        {
            await mesh.UntilRotatedAsync(await mesh.SigningKeyAsync());
        }

        // 1. Each key began to sign when the previous one ended, after the max-age of its announcement. Two never signed at a time.
        Assert.Equal(0, await mesh.Database.ScalarAsync<long>(
            """
            SELECT count(*) FROM ring_keys ended LEFT JOIN ring_keys began ON began.activated_at = ended.retired_at
            WHERE ended.purpose = 'Signing' AND ended.retired_at > $1 AND NOT coalesce(
                began.activated_at - began.created_at >= interval '2 seconds'
                AND ended.retired_at - ended.activated_at >= interval '10 seconds', false)
            """,
            start));
        Assert.True(
            await mesh.Database.ScalarAsync<long>(
                "SELECT count(*) FROM ring_keys WHERE purpose = 'Signing' AND retired_at > $1", start) >= 3);
        Assert.Equal("Announced, Current", await mesh.Database.ScalarAsync<string>(
            "SELECT string_agg(state, ', ' ORDER BY state) FROM ring_keys WHERE purpose = 'Signing' AND state <> 'Retired'"));

        // 2. One replica rotated, and the other noticed.
        foreach (var key in await KeysThatSignedAsync())
        {
            Assert.Equal(1, mesh.TimesLogged($"The signing key {key} signs from now on").Sum());
            // logged again whenever the set changes
            await Patience.UntilAsync(() => mesh.TimesLogged($"new tokens are signed by {key}").All(times => times >= 1));
        }

        var signers = await Patience.UntilAsync(
            async () => await Task.WhenAll(mesh.Identities.Select(async identity => KeyOf((await identity.SignUpAsync()).Token))),
            keys => keys.Distinct().Count() == 1);
        Assert.Contains(signers[0], await KeysThatSignedAsync());
    }

    [Fact]
    public async Task A_verifier_that_left_does_not_delay_a_rotation_and_is_forgotten()
    {
        var (name, first) = ("leaver " + Guid.NewGuid(), await mesh.SigningKeyAsync());
        await AddVerifierAsync(name, "now()");

        await mesh.UntilRotatedAsync(first);

        Assert.All(mesh.TimesLogged(name), times => Assert.Equal(0, times));
        await mesh.Database.ExecuteAsync("UPDATE verifiers SET seen_at = now() - interval '61 seconds' WHERE name = $1", name);
        await using var newcomer = Feed.Open(mesh.Identities[0]);
        await newcomer.UntilBeatAsync();
        Assert.Equal(0, await mesh.Database.ScalarAsync<long>("SELECT count(*) FROM verifiers WHERE name = $1", name));
    }

    [Fact]
    public async Task A_silent_verifier_delays_a_rotation_up_to_the_ceiling_and_is_named()
    {
        var (name, first, next) = ("silent " + Guid.NewGuid(), await mesh.SigningKeyAsync(), await AnnouncedAsync());
        await AddVerifierAsync(name, "now() + interval '1 hour'"); // always counts as seen
        try
        {
            await mesh.UntilRotatedAsync(first);
        }
        finally
        {
            await mesh.Database.ExecuteAsync("DELETE FROM verifiers WHERE name = $1", name);
        }

        Assert.True(await mesh.Database.ScalarAsync<bool>(
            // the interval plus the ceiling
            "SELECT retired_at - activated_at >= interval '24 seconds' FROM ring_keys WHERE id = $1", first));
        Assert.All(
            mesh.TimesLogged($"The signing key {next} waits for verifiers that do not say that they hold it: {name}"),
            times => Assert.Equal(1, times));
        await Patience.UntilAsync(() => mesh.TimesLogged($"did not say that they hold it, and may refuse its tokens: {name}").Sum() == 1);
    }

    [Fact]
    public async Task A_verifier_suspended_during_rotations_accepts_the_new_key_or_answers_503()
    {
        var first = await mesh.SigningKeyAsync();
        mesh.Mesh.Resource.Suspend();
        string next;
        try
        {
            next = await mesh.UntilRotatedAsync(first);
            next = await mesh.UntilRotatedAsync(next); // the signing key is now one that this verifier cannot know
        }
        finally
        {
            mesh.Mesh.Resource.Resume();
        }

        var token = await Patience.UntilAsync(mesh.SignUpAsync, token => KeyOf(token) == next);
        await Patience.UntilAsync(async () =>
        {
            var answer = await mesh.Verifiers[0].GetAsync("/protected", token);
            Assert.NotEqual(401, answer.Status);
            return answer.Status == 200;
        });
    }

    private static string KeyOf(string token) => new JsonWebToken(token).Kid;

    private Task<string> AnnouncedAsync() => mesh.Database.ScalarAsync<string>("SELECT id FROM ring_keys WHERE state = 'Announced'");

    private async Task<IReadOnlyList<string>> KeysThatSignedAsync() => (await mesh.Database.ScalarAsync<string>(
        "SELECT string_agg(r.id, ' ') FROM ring_keys r JOIN ring_keys before ON before.retired_at = r.activated_at")).Split(' ');

    private Task<int> AddVerifierAsync(string name, string seenAt) => mesh.Database.ExecuteAsync(
        $"INSERT INTO verifiers (instance, name, key_ids, seen_at) VALUES (gen_random_uuid(), $1, '{{}}', {seenAt})", name);

    private async Task AssertPublishedAsync(params string[] keys)
    {
        foreach (var issuer in mesh.Identities.Append(mesh.Gateway))
        {
            var answer = await Patience.UntilAsync(
                () => issuer.GetAsync("/.well-known/jwks.json"),
                answer => keys.All(key => answer.Text.Contains(key, StringComparison.Ordinal)));
            Assert.Equal("public, max-age=2", answer.Header("Cache-Control"));
        }
    }
}

public sealed class RotatingMesh(ProductionMesh production) : IAsyncLifetime
{
    internal KeyMesh Mesh { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Mesh = await KeyMesh.StartAsync(production, new()
    {
        ["RotationInterval"] = "00:00:10",
        ["MaxAge"] = "00:00:02",
        ["AcknowledgementCeiling"] = "00:00:14", // longer than a verifier that left counts as seen, and than a silent one stays unnamed
    });

    public ValueTask DisposeAsync() => Mesh.DisposeAsync();
}
