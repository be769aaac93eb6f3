using System.Security.Cryptography;
using AuthMesh.LocalMesh;
using AuthMesh.TestMesh;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Keys;

/// <summary>
/// What a verifier knows of the issuer's keys, and when it may call an unknown key invalid. The issuer has two replicas, whose keys the
/// test changes. The verifier asks for keys only when it has a reason to, unless a test says otherwise.
/// </summary>
public sealed class LearntKeysTests : IAsyncLifetime
{
    private readonly FakeIdentity one = new();
    private readonly FakeIdentity two;
    private ServiceProcess resource = null!;
    private Caller caller = null!;

    public LearntKeysTests() => two = new FakeIdentity(one);

    [Fact]
    public async Task A_key_change_in_the_feed_is_fetched_at_once_even_right_after_a_forgery()
    {
        var (first, _) = await StartAsync();
        (await caller.GetAsync("/protected", Sign(NobodysKey()))).AssertError(401, "invalid_token"); // the verifier has just asked for keys
        var before = one.Reports.Count;

        var next = one.Publish();

        await Patience.UntilAsync(() => one.Reports.Count > before);
        Assert.Contains(next.KeyId, one.Reports.ElementAt(before)); // the first report already has it
        Assert.Equal(200, (await caller.GetAsync("/protected", Sign(next))).Status);
        Assert.Equal(200, (await caller.GetAsync("/protected", Sign(first))).Status);
    }

    [Fact]
    public async Task An_unknown_key_is_503_after_a_key_change_until_the_new_keys_are_fetched()
    {
        var (known, _) = await StartAsync();
        var forged = NobodysKey();
        (await caller.GetAsync("/protected", Sign(forged))).AssertError(401, "invalid_token");
        one.FallBehind();
        two.FallBehind();
        var before = one.Reports.Count;

        var next = one.Publish(); // which no replica publishes yet
        await Patience.UntilAsync(() => one.Reports.Count > before);

        (await caller.GetAsync("/protected", Sign(next))).AssertError(503, "keys_unavailable");
        (await caller.GetAsync("/protected", Sign(forged))).AssertError(503, "keys_unavailable");
        Assert.Equal(200, (await caller.GetAsync("/protected", Sign(known))).Status);

        one.CatchUp();
        two.CatchUp();
        await Patience.UntilAsync(() => caller.GetAsync("/protected", Sign(next)), answer => answer.Status == 200);
        await Patience.UntilAsync(() => caller.GetAsync("/protected", Sign(forged)), answer => answer.Status == 401);
    }

    [Fact]
    public async Task A_new_key_is_learnt_although_one_replica_lags()
    {
        var (known, _) = await StartAsync();
        one.FallBehind();

        var next = one.Publish();

        await Patience.UntilAsync(() => one.Reports.Any(held => held.Contains(next.KeyId)));
        Assert.Equal(200, (await caller.GetAsync("/protected", Sign(next))).Status);
        Assert.Equal(200, (await caller.GetAsync("/protected", Sign(known))).Status);
    }

    [Fact]
    public async Task A_known_key_is_kept_although_a_lagging_replica_lacks_it()
    {
        await StartAsync(keyRefreshInterval: "00:00:01");
        one.FallBehind();
        two.FallBehind();
        var next = one.Publish();
        two.CatchUp();
        await Patience.UntilAsync(() => caller.GetAsync("/protected", Sign(next)), answer => answer.Status == 200);

        two.FallBehind();
        two.AnswerKeysInstead(500, ""); // so that it is the other one that is asked
        var before = one.TimesAsked;

        await Patience.UntilAsync(async () =>
        {
            Assert.Equal(200, (await caller.GetAsync("/protected", Sign(next))).Status);
            return one.TimesAsked > before + 2;
        });
    }

    [Fact]
    public async Task A_withdrawn_key_stays_refused_although_a_replica_still_publishes_it()
    {
        var (old, known) = await StartAsync(keyRefreshInterval: "00:00:01");
        one.FallBehind();
        two.FallBehind();

        one.Withdraw(old);

        await Patience.UntilAsync(() => caller.GetAsync("/protected", Sign(old)), answer => answer.Status == 401);
        var before = one.TimesAsked + two.TimesAsked;
        await Patience.UntilAsync(async () =>
        {
            (await caller.GetAsync("/protected", Sign(old))).AssertError(401, "invalid_token");
            Assert.Equal(200, (await caller.GetAsync("/protected", Sign(known))).Status);
            return one.TimesAsked + two.TimesAsked > before + 2;
        });
    }

    [Fact]
    public async Task A_withdrawn_key_that_a_restore_brings_back_is_accepted_again()
    {
        var (old, known) = await StartAsync();
        one.Withdraw(old);
        await Patience.UntilAsync(() => caller.GetAsync("/protected", Sign(old)), answer => answer.Status == 401);

        one.Publish(old);

        await Patience.UntilAsync(() => caller.GetAsync("/protected", Sign(old)), answer => answer.Status == 200);
        Assert.Equal(200, (await caller.GetAsync("/protected", Sign(known))).Status);
    }

    [Fact]
    public async Task An_unknown_key_is_503_while_the_feed_is_silent_and_401_otherwise()
    {
        one.IsSilent = two.IsSilent = true;
        one.Publish();
        await StartProcessAsync("01:00:00");
        await Patience.UntilAsync(() => one.Reports.Any(held => held.Length == 1)); // it has the keys, but nothing from the feed
        var answer = await Patience.UntilAsync(() => caller.GetAsync("/protected", Sign(NobodysKey())), _ => true); // it may not listen yet
        answer.AssertError(503, "keys_unavailable");
        Assert.Equal(503, (await caller.GetAsync("/health/ready")).Status); // it has not read the revocation log yet

        one.IsSilent = two.IsSilent = false;
        await Patience.UntilAsync(() => caller.GetAsync("/health/ready"), seen => seen.Status == 200);
        await Patience.UntilAsync(() => caller.GetAsync("/protected", Sign(NobodysKey())), seen => seen.Status == 401);

        one.IsSilent = two.IsSilent = true;
        await Patience.UntilAsync(() => caller.GetAsync("/protected", Sign(NobodysKey())), seen => seen.Status == 503);
    }

    // As with a peer that vanished silently: the connection stays open until the verifier gives it up.
    [Fact]
    public async Task A_silent_feed_is_closed_and_opened_again()
    {
        await StartAsync();
        var before = one.TimesListened;

        one.IsSilent = true;

        await Patience.UntilAsync(() => one.TimesListened > before);
    }

    public async ValueTask InitializeAsync()
    {
        await one.StartAsync();
        await two.StartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        caller?.Dispose();
        if (resource is not null)
        {
            await resource.DisposeAsync();
        }

        await one.DisposeAsync();
        await two.DisposeAsync();
    }

    private static Forge NobodysKey() => new("forged-" + Guid.NewGuid(), ECDsa.Create(ECCurve.NamedCurves.nistP256));

    private static string Sign(Forge key) => key.Sign(key.Header(), Forge.Claims());

    /// <summary>Starts a verifier and waits until it holds both keys of the ring and has reported them.</summary>
    private async Task<(Forge First, Forge Second)> StartAsync(string keyRefreshInterval = "01:00:00")
    {
        var (first, second) = (one.Publish(), one.Publish());
        await StartProcessAsync(keyRefreshInterval);
        await Patience.UntilAsync(() => caller.GetAsync("/protected", Sign(first)), answer => answer.Status == 200);
        // no key change is pending
        await Patience.UntilAsync(() => caller.GetAsync("/protected", Sign(NobodysKey())), answer => answer.Status == 401);
        return (first, second);
    }

    private async Task StartProcessAsync(string keyRefreshInterval)
    {
        resource = await ServiceProcess.StartAsync("resource-service", new Dictionary<string, string>
        {
            ["AuthMesh:Issuer"] = ProductionMesh.Issuer,
            ["AuthMesh:ServiceKey"] = ProductionMesh.ServiceKey,
            ["AuthMesh:IdentityUrl"] = string.Join(
                ',', new[] { one, two }.Select(issuer => issuer.Address.GetLeftPart(UriPartial.Authority))),
            ["AuthMesh:KeyRefreshInterval"] = keyRefreshInterval,
        }, start: WithinThisProcess.StartAsync);
        caller = new Caller(resource);
    }
}
