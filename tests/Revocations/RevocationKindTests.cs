using System.Diagnostics.Metrics;
using System.Text.Json;
using AuthMesh.Revocations;
using AuthMesh.Settings;
using AuthMesh.Tests.Harness;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace AuthMesh.Tests.Revocations;

public sealed class RevocationKindTests : IDisposable
{
    private const string Later = "later-kind";

    private static readonly Guid Session = Guid.Parse("11111111-1111-4111-8111-111111111111");

    private readonly FakeTimeProvider clock = new();
    private readonly LogLines<RevokedAccess> log = new();
    private readonly ServiceProvider services = new ServiceCollection().AddMetrics().BuildServiceProvider();

    [Fact]
    public async Task An_unknown_kind_degrades_a_verifier_until_every_token_it_may_revoke_has_expired()
    {
        using var revoked = NewVerifier();
        revoked.Take(RevocationKind.SessionEnded, Session.ToString(), 0);
        Assert.Equal(HealthStatus.Healthy, (await HealthAsync(revoked)).Status);

        revoked.Take(Later, "", 0);
        clock.Advance(TimeSpan.FromMinutes(30));
        revoked.Take(Later, "", 0);

        var health = await HealthAsync(revoked);
        Assert.Equal(HealthStatus.Degraded, health.Status);
        Assert.Equal($"this version does not know revocations of the kind {Later}", health.Description);
        var error = Assert.Single(log.At(LogLevel.Error)); // one line for two entries
        Assert.StartsWith($"Revocations of the kind {Later} reach this service", error, StringComparison.Ordinal);
        Assert.True(revoked.CanJudge);

        clock.Advance(TimeSpan.FromMinutes(70)); // since the second entry
        Assert.Equal(HealthStatus.Degraded, (await HealthAsync(revoked)).Status);
        clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(HealthStatus.Healthy, (await HealthAsync(revoked)).Status);
        Assert.Contains(
            log.At(LogLevel.Information),
            line => line.StartsWith("No revocation of an unknown kind has arrived for 70 minutes", StringComparison.Ordinal));
    }

    [Fact]
    public void With_OnStale_Reject_a_verifier_judges_no_token_after_an_unknown_kind()
    {
        using var revoked = NewVerifier(OnStale.Reject);
        revoked.Take(RevocationKind.SessionEnded, Session.ToString(), 0);
        Assert.True(revoked.CanJudge);

        revoked.Take(Later, "", 0);

        Assert.False(revoked.CanJudge);
    }

    [Fact]
    public void Every_kind_is_written_and_read_through_the_same_table()
    {
        using var revoked = NewVerifier();
        foreach (var kind in RevocationKind.All)
        {
            var (subject, epoch) = kind.Read(RevocationKind.Describe(kind.Name, Session.ToString(), kind.HasEpoch ? 5 : null));
            Assert.Equal((kind.SubjectMember is null ? "" : Session.ToString(), kind.HasEpoch ? 5 : 0), (subject, epoch));
            if (kind.SubjectMember is not null)
            {
                revoked.Take(kind.Name, subject, epoch);
            }
        }

        Assert.True(revoked.Covers(Session, Guid.Empty, 0, "")); // session-ended
        Assert.True(revoked.Covers(Guid.Empty, Session, 4, "")); // user-below-epoch
        Assert.False(revoked.Covers(Guid.Empty, Session, 5, ""));
        Assert.True(revoked.Covers(Guid.Empty, Guid.Empty, 0, Session.ToString())); // key-distrusted
        Assert.True(revoked.Covers(Guid.Empty, Guid.Empty, 0, "", Session.ToString(), 4)); // application-below-epoch
        Assert.False(revoked.Covers(Guid.Empty, Guid.Empty, 0, "", Session.ToString(), 5));
        Assert.False(revoked.Covers(Guid.Empty, Guid.Empty, 0, "", clientId: null, 4)); // a token that no application got for a user
        Assert.Equal(5, RevocationKind.All.Count); // a new kind needs its assertion above
        Assert.Empty(revoked.UnknownKinds);
    }

    [Fact]
    public void A_replica_relays_an_unknown_kind_in_a_form_that_newer_verifiers_can_read()
    {
        var relayed = RevocationKind.Describe(Later, "a \"client\"", 7);

        Assert.Equal("""{"subject":"a \u0022client\u0022","epoch":7}""", relayed);
        Assert.Equal(("a \"client\"", 0), RevocationKind.Find(RevocationKind.KeyDistrusted)!.Read(relayed)); // a text
        var user = RevocationKind.Describe(Later, Session.ToString(), 7);
        Assert.Equal((Session.ToString(), 7), RevocationKind.Find(RevocationKind.UserBelowEpoch)!.Read(user)); // an id
    }

    [Theory]
    [InlineData(RevocationKind.SessionEnded, "{}")]
    [InlineData(RevocationKind.SessionEnded, "[]")]
    [InlineData(RevocationKind.SessionEnded, """{"sid":1}""")]
    [InlineData(RevocationKind.UserBelowEpoch, """{"sub":"11111111-1111-4111-8111-111111111111"}""")]
    [InlineData(RevocationKind.SessionEnded, """{"sid":"alice"}""")]
    [InlineData(RevocationKind.SessionEnded, """{"sid":"\ud800"}""")]
    [InlineData(RevocationKind.ApplicationBelowEpoch, """{"client_id":"","epoch":1}""")]
    [InlineData(RevocationKind.ApplicationBelowEpoch, """{"client_id":"notes"}""")]
    [InlineData(RevocationKind.KeyDistrusted, """{"kid":""}""")]
    [InlineData(RevocationKind.KeyDistrusted, "")]
    public void An_event_with_missing_or_malformed_members_throws_JsonException(string kind, string data) =>
        Assert.ThrowsAny<JsonException>(() => RevocationKind.Find(kind)!.Read(data));

    public void Dispose() => services.Dispose();

    private RevokedAccess NewVerifier(OnStale onStale = OnStale.Accept)
    {
        var mesh = new AuthMeshOptions { Revocations = { OnStale = onStale } };
        var revoked = new RevokedAccess(clock, Options.Create(mesh), services.GetRequiredService<IMeterFactory>(), log);
        revoked.Confirm();
        return revoked;
    }

    private static Task<HealthCheckResult> HealthAsync(RevokedAccess revoked)
    {
        revoked.Confirm(); // as the next beat does
        return new RevocationsHealth(revoked).CheckHealthAsync(new HealthCheckContext(), TestContext.Current.CancellationToken);
    }
}
