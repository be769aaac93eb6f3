using System.Security.Cryptography;
using AuthMesh.LocalMesh;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Keys;

/// <summary>
/// What a verifier knows of the issuer's keys, and when it may say that a key is nobody's. Two replicas of the issuer, whose keys the test
/// changes; the verifier asks for keys only when it has a reason to, unless a test says otherwise.
/// </summary>
public sealed class LearntKeysTests : IAsyncLifetime
{
    private readonly FakeIdentity one = new();
    private readonly FakeIdentity two;
    private ServiceProcess resource = null!;
    private Caller caller = null!;

    public LearntKeysTests() => two = new FakeIdentity(one);

    [Fact]
    public async Task A_change_that_the_feed_tells_is_fetched_at_once_although_a_forgery_was_the_last_to_make_it_ask()
    {
        var (first, _) = await StartAsync();
        (await caller.GetAsync("/protected", Sign(NobodysKey()))).AssertError(401, "invalid_token"); // it has just asked
        var before = one.Reports.Count;

        var next = one.Publish();

        await Patience.UntilAsync(() => one.Reports.Count > before);
        Assert.Contains(next.KeyId, one.Reports.ElementAt(before)); // the first one already
        Assert.Equal(200, (await caller.GetAsync("/protected", Sign(next))).Status);
        Assert.Equal(200, (await caller.GetAsync("/protected", Sign(first))).Status);
    }

    [Fact]
    public async Task From_the_word_of_a_change_until_its_keys_are_there_an_unknown_key_is_503_and_not_401()
    {
        var (known, _) = await StartAsync();
        var forged = NobodysKey();
        (await caller.GetAsync("/protected", Sign(forged))).AssertError(401, "invalid_token");
        one.FallBehind();
        two.FallBehind();
        var before = one.Reports.Count;

        var next = one.Publish(); // which nobody publishes yet
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
    public async Task A_replica_that_lags_is_no_reason_to_do_without_a_key()
    {
        var (known, _) = await StartAsync();
        one.FallBehind();

        var next = one.Publish();

        await Patience.UntilAsync(() => one.Reports.Any(held => held.Contains(next.KeyId)));
        Assert.Equal(200, (await caller.GetAsync("/protected", Sign(next))).Status);
        Assert.Equal(200, (await caller.GetAsync("/protected", Sign(known))).Status);
    }

    [Fact]
    public async Task A_key_that_is_held_is_not_lost_to_a_replica_that_lags()
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
    public async Task What_is_gone_from_the_ring_stays_gone_although_a_replica_still_publishes_it()
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
    public async Task A_key_that_comes_back_as_after_a_restore_is_taken_back()
    {
        var (old, known) = await StartAsync();
        one.Withdraw(old);
        await Patience.UntilAsync(() => caller.GetAsync("/protected", Sign(old)), answer => answer.Status == 401);

        one.Publish(old);

        await Patience.UntilAsync(() => caller.GetAsync("/protected", Sign(old)), answer => answer.Status == 200);
        Assert.Equal(200, (await caller.GetAsync("/protected", Sign(known))).Status);
    }

    [Fact]
    public async Task Without_news_an_unknown_key_is_503_and_with_them_401()
    {
        one.IsSilent = two.IsSilent = true;
        one.Publish();
        await StartProcessAsync("01:00:00");
        await Patience.UntilAsync(() => one.Reports.Any(held => held.Length == 1)); // the keys are there, the news are not
        (await caller.GetAsync("/protected", Sign(NobodysKey()))).AssertError(503, "keys_unavailable");
        Assert.Equal(503, (await caller.GetAsync("/health/ready")).Status); // it does not know yet what has ended

        one.IsSilent = two.IsSilent = false;
        await Patience.UntilAsync(() => caller.GetAsync("/health/ready"), answer => answer.Status == 200);
        await Patience.UntilAsync(() => caller.GetAsync("/protected", Sign(NobodysKey())), answer => answer.Status == 401);

        one.IsSilent = two.IsSilent = true;
        await Patience.UntilAsync(() => caller.GetAsync("/protected", Sign(NobodysKey())), answer => answer.Status == 503);
    }

    // As of a peer that vanished without a word: the connection stays open for as long as anybody believes in it.
    [Fact]
    public async Task A_feed_that_falls_silent_is_given_up_and_asked_for_anew()
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

    /// <summary>A verifier that holds both keys of the ring and has said so.</summary>
    private async Task<(Forge First, Forge Second)> StartAsync(string keyRefreshInterval = "01:00:00")
    {
        var (first, second) = (one.Publish(), one.Publish());
        await StartProcessAsync(keyRefreshInterval);
        await Patience.UntilAsync(() => caller.GetAsync("/protected", Sign(first)), answer => answer.Status == 200);
        // nothing is open
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
        });
        caller = new Caller(resource.Address);
    }
}
