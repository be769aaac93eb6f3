using System.Security.Cryptography;
using AuthMesh.Identity.Keys;
using AuthMesh.Identity.Passkeys;
using AuthMesh.Settings;
using AuthMesh.Tests.Harness;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace AuthMesh.Tests.Passkeys;

public sealed class PasskeyChallengeTests(ProductionMesh mesh) : IAsyncLifetime
{
    private readonly Guid user = Guid.NewGuid();
    private readonly FakeTimeProvider clock = new(TimeProvider.System.GetUtcNow());
    private KeyRing ring = null!;

    public async ValueTask InitializeAsync()
    {
        var database = new Database(await mesh.Postgres.CreateDatabaseAsync());
        await using var db = database.Open();
        await db.Database.MigrateAsync(TestContext.Current.CancellationToken);
        ring = new KeyRing(new MasterKey(RandomNumberGenerator.GetBytes(32)), TimeProvider.System, NullLogger<KeyRing>.Instance);
        await ring.OpenAsync(db, TestContext.Current.CancellationToken);
    }

    [Fact]
    public void A_challenge_lives_five_minutes()
    {
        var text = Create(new string('x', 1_200));
        clock.Advance(TimeSpan.FromMinutes(5) - TimeSpan.FromSeconds(2)); // whole seconds are stored
        Assert.NotNull(Parse(text));

        clock.Advance(TimeSpan.FromSeconds(2));

        Assert.Null(Parse(text));
    }

    [Fact]
    public void A_challenge_is_for_one_purpose_and_user_and_keeps_the_handlers_state()
    {
        var text = Create("{\"challenge\":\"ä\"}");

        Assert.Equal("{\"challenge\":\"ä\"}", Parse(text)!.HandlerState);
        Assert.Null(PasskeyChallenge.TryParse(text, ChallengePurpose.SecondStep, user, ring, clock));
        Assert.Null(PasskeyChallenge.TryParse(text, ChallengePurpose.StepUp, Guid.NewGuid(), ring, clock));
        Assert.Null(PasskeyChallenge.TryParse(text, ChallengePurpose.StepUp, Guid.Empty, ring, clock));
    }

    [Fact]
    public void Every_challenge_has_its_own_nonce() => Assert.NotEqual(Parse(Create("x"))!.Nonce, Parse(Create("x"))!.Nonce);

    [Fact]
    public void A_text_with_one_changed_character_is_no_challenge()
    {
        var text = Create("state");

        Assert.All(Enumerable.Range(0, text.Length), i =>
            Assert.Null(Parse(text[..i] + (text[i] == 'A' ? 'B' : 'A') + text[(i + 1)..])));
    }

    [Theory]
    [InlineData("https://auth.example.com", "", true)]
    [InlineData("https://auth.example.com", "auth.example.com", true)]
    [InlineData("https://auth.example.com", "example.com", true)]
    [InlineData("https://auth.example.com", "com", false)]
    [InlineData("https://auth.example.com", ".example.com", false)]
    [InlineData("https://auth.example.com", ".", false)]
    [InlineData("https://auth.example.com", "ample.com", false)]
    [InlineData("https://auth.example.com", "Example.com", false)]
    [InlineData("https://auth.example.com", "other.com", false)]
    [InlineData("https://auth.example.com", "www.auth.example.com", false)]
    [InlineData("https://auth.example.com", "https://auth.example.com", false)]
    [InlineData("http://localhost:8080", "localhost", true)]
    [InlineData("http://localhost:8080", "localhost:8080", false)]
    public void The_domain_is_the_issuers_host_or_a_parent_of_it(string issuer, string domain, bool isFine)
    {
        var problems = new SettingProblems("Identity");

        new PasskeyOptions { Domain = domain, Origin = issuer }.Check(problems);

        Assert.Equal(isFine, problems.Result.Succeeded);
        Assert.True(isFine || problems.Result.FailureMessage!.StartsWith("Identity:Passkeys:Domain ", StringComparison.Ordinal));
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private string Create(string state) => PasskeyChallenge.Create(ChallengePurpose.StepUp, user, state, clock).ToText(ring);

    private PasskeyChallenge? Parse(string text) => PasskeyChallenge.TryParse(text, ChallengePurpose.StepUp, user, ring, clock);
}
