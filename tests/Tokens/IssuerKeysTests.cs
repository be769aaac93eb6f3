using System.Security.Cryptography;
using AuthMesh.LocalMesh;
using AuthMesh.TestMesh;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Tokens;

/// <summary>A verifier and an issuer whose keys the test changes.</summary>
public sealed class IssuerKeysTests : IAsyncLifetime
{
    private readonly FakeIdentity issuer = new();
    private ServiceProcess resource = null!;
    private Caller caller = null!;

    [Fact]
    public async Task A_flood_of_forged_key_ids_causes_few_key_requests_and_blocks_no_good_token()
    {
        var good = Sign(issuer.Publish());
        await UntilAsync(async () => (await caller.GetAsync("/protected", good)).Status == 200);
        var askedBefore = issuer.TimesAsked;

        for (var i = 0; i < 300; i++)
        {
            var forged = new Forge("forged-" + i, ECDsa.Create(ECCurve.NamedCurves.nistP256));
            var token = forged.Sign(forged.Header(), Forge.Claims());

            // 503 while the service cannot know whether it lacks a key, as when a beat of the feed is late.
            var answer = await Patience.UntilAsync(() => caller.GetAsync("/protected", token), seen => seen.Status != 503);
            answer.AssertError(401, "invalid_token");
            if (i % 10 == 0)
            {
                Assert.Equal(200, (await caller.GetAsync("/protected", good)).Status);
            }
        }

        Assert.InRange(issuer.TimesAsked - askedBefore, 0, 10); // at most one in five seconds
    }

    [Fact]
    public async Task A_published_key_is_learnt_and_a_withdrawn_key_is_dropped()
    {
        var first = issuer.Publish();
        await UntilAsync(async () => (await caller.GetAsync("/protected", Sign(first))).Status == 200);

        var second = issuer.Publish(); // beside the first
        await UntilAsync(async () => (await caller.GetAsync("/protected", Sign(second))).Status == 200);
        Assert.Equal(200, (await caller.GetAsync("/protected", Sign(first))).Status);

        issuer.Withdraw(first);
        await UntilAsync(async () => (await caller.GetAsync("/protected", Sign(first))).Status == 401);
        Assert.Equal(200, (await caller.GetAsync("/protected", Sign(second))).Status);
    }

    [Fact]
    public async Task A_token_that_was_accepted_before_is_refused_once_its_key_is_withdrawn_or_replaced()
    {
        var (first, second) = (issuer.Publish(), issuer.Publish());
        var (token, other) = (Sign(first), Sign(second));
        await UntilAsync(async () => (await caller.GetAsync("/protected", token)).Status == 200);

        issuer.Withdraw(first);
        await UntilAsync(async () => (await caller.GetAsync("/protected", token)).Status == 401);
        Assert.Equal(200, (await caller.GetAsync("/protected", other)).Status);

        issuer.Withdraw(second);
        var successor = issuer.Publish(second.KeyId); // a new key under the same key id
        await UntilAsync(async () => (await caller.GetAsync("/protected", other)).Status == 401);
        Assert.Equal(200, (await caller.GetAsync("/protected", Sign(successor))).Status);
    }

    [Theory]
    [InlineData(500, "")]
    [InlineData(200, "<html>")]
    [InlineData(200, "{}")]
    [InlineData(200, """{"keys":[]}""")]
    [InlineData(200, """{"keys":[{"kty":"EC","crv":"P-256","kid":"a","x":"AA","y":"AA"}]}""")]
    [InlineData(200, """{"keys":[null,{"kty":"RSA","kid":"a","n":"AA","e":"AQAB"}]}""")]
    [InlineData(302, "")]
    public async Task An_answer_without_usable_keys_keeps_the_known_keys_and_makes_an_unknown_key_503(int status, string body)
    {
        var known = issuer.Publish();
        await UntilAsync(async () => (await caller.GetAsync("/protected", Sign(known))).Status == 200);

        issuer.AnswerKeysInstead(status, body);
        var unknown = new Forge("not yet known", ECDsa.Create(ECCurve.NamedCurves.nistP256));

        // A fetch that was under way before may still bring the known keys, and then the next one decides.
        var answer = await Patience.UntilAsync(() => caller.GetAsync("/protected", Sign(unknown)), seen => seen.Status == 503);
        answer.AssertError(503, "keys_unavailable");
        Assert.NotNull(answer.Header("Retry-After"));
        Assert.Equal(200, (await caller.GetAsync("/protected", Sign(known))).Status);
        (await caller.GetAsync("/protected")).AssertError(401, "missing_token");
    }

    [Fact]
    public async Task A_verifier_without_keys_is_not_ready_and_answers_503_to_tokens_only()
    {
        (await caller.GetAsync("/health/ready")).AssertError(503, "not_ready", "Not ready: waiting for the signing keys");
        Assert.Equal(200, (await caller.GetAsync("/health/live")).Status);
        (await caller.GetAsync("/protected", Sign(new Forge("any", ECDsa.Create(ECCurve.NamedCurves.nistP256)))))
            .AssertError(503, "keys_unavailable");
        (await caller.GetAsync("/protected")).AssertError(401, "missing_token");
        (await caller.GetAsync("/protected", "junk")).AssertError(401, "invalid_token");

        var key = issuer.Publish();

        await UntilAsync(async () => (await caller.GetAsync("/health/ready")).Status == 200);
        Assert.Equal(200, (await caller.GetAsync("/protected", Sign(key))).Status);
    }

    public async ValueTask InitializeAsync()
    {
        await issuer.StartAsync();
        resource = await ServiceProcess.StartAsync("resource-service", new Dictionary<string, string>
        {
            ["AuthMesh:Issuer"] = ProductionMesh.Issuer,
            ["AuthMesh:ServiceKey"] = ProductionMesh.ServiceKey,
            ["AuthMesh:IdentityUrl"] = issuer.Address.ToString(),
            ["AuthMesh:KeyRefreshInterval"] = "01:00:00", // so that only what a test does causes a fetch
        }, start: WithinThisProcess.StartAsync);
        caller = new Caller(resource.Address);
        await UntilAsync(async () => (await caller.GetAsync("/health/live")).Status == 200);
    }

    public async ValueTask DisposeAsync()
    {
        caller.Dispose();
        await resource.DisposeAsync();
        await issuer.DisposeAsync();
    }

    private static string Sign(Forge key) => key.Sign(key.Header(), Forge.Claims());

    private static Task UntilAsync(Func<Task<bool>> condition) => Patience.UntilAsync(async () =>
    {
        try
        {
            return await condition();
        }
        catch (HttpRequestException) // the service does not listen yet
        {
            return false;
        }
    });
}
