using AuthMesh.Tests.Faults;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;
using Microsoft.IdentityModel.JsonWebTokens;

namespace AuthMesh.Tests.Keys;

/// <summary>Signing keys that rotate automatically after an hour. The tests move the stored time instead of waiting.</summary>
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
        Assert.Equal(next, await RotateAsync(first));
        var later = await Patience.UntilAsync(mesh.SignUpAsync, token => KeyOf(token) != first);
        await mesh.AssertAcceptedEverywhereAsync(later);
        await mesh.AssertAcceptedEverywhereAsync(token);
        await AssertPublishedAsync(first, next);
        Assert.Equal("Retired", await mesh.Database.ScalarAsync<string>("SELECT state FROM ring_keys WHERE id = $1", first));

        // 2. The ring deletes a key once all its tokens must have expired. Only the stored time moves, so the token outlives its key.
        await mesh.Database.ExecuteAsync("UPDATE ring_keys SET retired_at = now() - interval '69 minutes' WHERE id = $1", first);
        await RotateAsync(await mesh.SigningKeyAsync()); // a rotation also deletes old keys
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
        var signed = new List<string> { await mesh.SigningKeyAsync() };
        for (var rotations = 0; rotations < 3; rotations++)
        {
            signed.Add(await RotateAsync(signed[^1]));

            // 1. Each key began to sign when the previous one ended, after the max-age of its announcement.
            Assert.True(await mesh.Database.ScalarAsync<bool>(
                """
                SELECT began.activated_at = ended.retired_at AND began.activated_at - began.created_at >= interval '2 seconds'
                    AND ended.retired_at - ended.activated_at >= interval '1 hour'
                FROM ring_keys ended, ring_keys began WHERE ended.id = $1 AND began.id = $2
                """,
                signed[^2], signed[^1]));
        }

        Assert.Equal("Announced, Current", await mesh.Database.ScalarAsync<string>(
            "SELECT string_agg(state, ', ' ORDER BY state) FROM ring_keys WHERE purpose = 'Signing' AND state <> 'Retired'"));

        // 2. One replica rotated, and the other noticed.
        foreach (var key in signed.Skip(1))
        {
            await Patience.UntilAsync(() => mesh.TimesLogged($"The signing key {key} signs from now on").Sum() == 1);
            // logged again whenever the set changes
            await Patience.UntilAsync(() => mesh.TimesLogged($"new tokens are signed by {key}").All(times => times >= 1));
        }

        var signers = await Patience.UntilAsync(
            async () => await Task.WhenAll(mesh.Identities.Select(async identity => KeyOf((await identity.SignUpAsync()).Token))),
            keys => keys.Distinct().Count() == 1);
        Assert.Equal(signed[^1], signers[0]);
    }

    [Fact]
    public async Task A_verifier_that_left_does_not_delay_a_rotation_and_is_forgotten()
    {
        var (name, first) = ("leaver " + Guid.NewGuid(), await mesh.SigningKeyAsync());
        await AddVerifierAsync(name, "now() - interval '7 seconds'"); // a verifier counts as present for ten

        await RotateAsync(first);

        Assert.All(mesh.TimesLogged(name), times => Assert.Equal(0, times));
        await mesh.Database.ExecuteAsync("UPDATE verifiers SET seen_at = now() - interval '61 seconds' WHERE name = $1", name);
        await using var newcomer = Feed.Open(mesh.Identities[0]);
        await newcomer.UntilBeatAsync();
        Assert.Equal(0, await mesh.Database.ScalarAsync<long>("SELECT count(*) FROM verifiers WHERE name = $1", name));
    }

    [Fact]
    public async Task A_verifier_that_stays_silent_delays_each_key_for_as_long_as_is_set_and_is_named()
    {
        var name = "silent " + Guid.NewGuid();
        await AddVerifierAsync(name, "now() + interval '1 hour'"); // present at every check
        try
        {
            for (var rotations = 1; rotations <= 2; rotations++) // the replica that did not rotate waited for the first key too
            {
                var (first, next) = (await mesh.SigningKeyAsync(), await AnnouncedAsync());

                await RotateAsync(first);

                Assert.True(await mesh.Database.ScalarAsync<bool>(
                    // the interval, and the ceiling
                    "SELECT retired_at - activated_at >= interval '1 hour 17 seconds' FROM ring_keys WHERE id = $1", first));
                // The other replica may have begun to wait too late to log it.
                var logged = mesh.TimesLogged($"The signing key {next} waits for verifiers that have not acknowledged it: {name}").ToList();
                Assert.All(logged, times => Assert.InRange(times, 0, 1));
                Assert.NotEqual(0, logged.Sum());
                await Patience.UntilAsync(
                    () => mesh.TimesLogged($"did not acknowledge the key, so they may refuse its tokens: {name}").Sum() == rotations);
            }
        }
        finally
        {
            await mesh.Database.ExecuteAsync("DELETE FROM verifiers WHERE name = $1", name);
        }
    }

    [Fact]
    public async Task A_verifier_suspended_during_rotations_accepts_the_new_key_or_answers_503()
    {
        var first = await mesh.SigningKeyAsync();
        mesh.Mesh.Resource.Suspend();
        string next;
        try
        {
            next = await RotateWithoutWaitingAsync(first);
            next = await RotateWithoutWaitingAsync(next); // the suspended verifier cannot know this key
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

    private async Task<string> RotateWithoutWaitingAsync(string from)
    {
        await mesh.Database.ExecuteAsync("DELETE FROM verifiers WHERE name LIKE 'resource-service on %'"); // as if the ceiling had passed
        return await RotateAsync(from);
    }

    /// <summary>Makes a rotation due in half a second and waits for it.</summary>
    /// <returns>The key that signs afterwards.</returns>
    private async Task<string> RotateAsync(string from)
    {
        await mesh.Database.ExecuteAsync(
            "UPDATE ring_keys SET activated_at = now() - interval '59 minutes 59.5 seconds' WHERE id = $1", from);
        return await mesh.UntilRotatedAsync(from);
    }

    private static string KeyOf(string token) => new JsonWebToken(token).Kid;

    private Task<string> AnnouncedAsync() => mesh.Database.ScalarAsync<string>("SELECT id FROM ring_keys WHERE state = 'Announced'");

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

    public async ValueTask InitializeAsync() => Mesh = await KeyMesh.StartAsync(production, asProcesses: true, keys: new()
    {
        ["RotationInterval"] = "01:00:00",
        ["MaxAge"] = "00:00:02",
        ["AcknowledgementCeiling"] = "00:00:17", // longer than a verifier that left counts as seen, and than a silent one stays unnamed
    });

    public ValueTask DisposeAsync() => Mesh.DisposeAsync();
}
