using AuthMesh.Revocations;
using AuthMesh.Settings;
using AuthMesh.Tokens;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace AuthMesh.Tests.Revocations;

/// <summary>For how long a process remembers what was revoked, on a clock that the tests move.</summary>
public sealed class RevokedAccessTests : IDisposable
{
    private static readonly TimeSpan Moment = TimeSpan.FromSeconds(1);

    private readonly ServiceProvider services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private readonly FakeTimeProvider clock = new();
    private readonly RevokedAccess revoked;
    private readonly Guid session = Guid.NewGuid(), user = Guid.NewGuid();

    public RevokedAccessTests() => revoked = new RevokedAccess(
        clock, Options.Create(new AuthMeshOptions()), services.GetRequiredService<System.Diagnostics.Metrics.IMeterFactory>(),
        NullLogger<RevokedAccess>.Instance);

    private bool CoversSession => revoked.Covers(session, Guid.NewGuid(), 0, "a-key");

    [Fact]
    public void An_ended_session_and_a_raised_epoch_are_remembered_until_every_token_has_expired_and_not_longer()
    {
        revoked.EndSession(session);
        revoked.RaiseEpoch(user, 3);

        Pass(AccessTokenLifetime.Remembered - Moment);
        Assert.True(CoversSession && CoversUser(2));

        Pass(2 * Moment);
        Assert.False(CoversSession || CoversUser(2));
    }

    [Fact]
    public void A_session_that_is_revoked_again_is_remembered_from_the_second_time()
    {
        revoked.EndSession(session);
        Pass(AccessTokenLifetime.Remembered / 2);
        revoked.EndSession(session); // the feed may repeat an entry

        Pass((AccessTokenLifetime.Remembered / 2) + Moment);
        Assert.True(CoversSession);

        Pass(AccessTokenLifetime.Remembered / 2);
        Assert.False(CoversSession);
    }

    [Fact]
    public void An_older_epoch_that_arrives_later_lowers_nothing()
    {
        revoked.RaiseEpoch(user, 3);
        revoked.RaiseEpoch(user, 2);

        Assert.True(CoversUser(2));
        Assert.False(CoversUser(3));
    }

    [Fact]
    public void A_confirmation_counts_from_the_moment_that_it_confirms_and_an_older_one_changes_nothing()
    {
        clock.Advance(TimeSpan.FromMinutes(1));
        revoked.Confirm(age: TimeSpan.FromSeconds(3));
        Assert.Equal(TimeSpan.FromSeconds(3), revoked.Staleness);

        clock.Advance(TimeSpan.FromSeconds(6));
        revoked.Confirm(age: TimeSpan.FromSeconds(11)); // of a slower replica
        Assert.Equal(TimeSpan.FromSeconds(9), revoked.Staleness);
        Assert.False(revoked.IsStale);

        clock.Advance(Moment + Moment);
        Assert.True(revoked.IsStale);
        revoked.Confirm(age: Moment);
        Assert.Equal(Moment, revoked.Staleness);
    }

    [Fact]
    public void A_distrusted_key_is_remembered_for_ever()
    {
        revoked.Distrust("stolen");

        Pass(TimeSpan.FromDays(1000));

        Assert.True(revoked.Covers(session, user, 0, "stolen"));
        Assert.False(revoked.Covers(session, user, 0, "another"));
    }

    public void Dispose()
    {
        revoked.Dispose();
        services.Dispose();
    }

    private bool CoversUser(long epoch) => revoked.Covers(Guid.NewGuid(), user, epoch, "a-key");

    private void Pass(TimeSpan time)
    {
        clock.Advance(time);
        revoked.Confirm();
    }
}
