using System.Diagnostics.Metrics;
using AuthMesh.Issuer;
using AuthMesh.Settings;
using AuthMesh.Tests.Harness;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace AuthMesh.Tests.Tokens;

public sealed class IssuerClocksTests : IDisposable
{
    private static readonly Uri Origin = new("http://identity-service:8080");

    private readonly FakeTimeProvider clock = new();
    private readonly LogLines<IssuerClocks> log = new();
    private readonly ServiceProvider services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private readonly IssuerClocks clocks;

    public IssuerClocksTests() =>
        clocks = new IssuerClocks(clock, Options.Create(new AuthMeshOptions()), services.GetRequiredService<IMeterFactory>(), log);

    private IEnumerable<string> Warnings => log.At(LogLevel.Warning);

    [Fact]
    public void A_clock_that_is_behind_is_reported_once_at_the_first_beat()
    {
        Beats(20, issuerIsAhead: 20);

        Assert.StartsWith(
            "The clock here is 20 s behind the issuer's at http://identity-service:8080/.",
            Assert.Single(Warnings), StringComparison.Ordinal);
        Assert.Equal(-20, clocks.OffsetFrom(Origin).TotalSeconds);
    }

    [Fact]
    public void A_clock_that_is_ahead_is_reported_when_five_beats_agree()
    {
        Beats(4, issuerIsAhead: -20);
        Assert.Empty(Warnings);

        Beats(10, issuerIsAhead: -20);
        Assert.StartsWith("The clock here is 20 s ahead of the issuer's", Assert.Single(Warnings), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(5)]
    [InlineData(-5)]
    [InlineData(0)]
    public void A_small_difference_is_not_reported(int issuerIsAhead)
    {
        Beats(20, issuerIsAhead);

        Assert.Empty(Warnings);
        Assert.Equal(-issuerIsAhead, clocks.OffsetFrom(Origin).TotalSeconds);
    }

    [Fact]
    public void A_changed_difference_and_its_end_are_reported()
    {
        Beats(10, issuerIsAhead: 20);
        Beats(10, issuerIsAhead: 24); // nearly the same
        Assert.Single(Warnings);

        Beats(10, issuerIsAhead: 40);
        Assert.Equal(2, Warnings.Count());
        Assert.Empty(log.At(LogLevel.Information));

        Beats(10, issuerIsAhead: 4); // better, but still off
        Assert.Empty(log.At(LogLevel.Information));
        Beats(10, issuerIsAhead: 1);
        Assert.Equal(
            "The clock here agrees with the issuer's at http://identity-service:8080/ again", Assert.Single(log.At(LogLevel.Information)));

        Beats(10, issuerIsAhead: 40);
        Assert.Equal(3, Warnings.Count());
    }

    [Fact]
    public void Delayed_beats_do_not_make_a_clock_look_ahead()
    {
        Beats(5, issuerIsAhead: 0);
        var held = Enumerable.Range(0, 30).Select(beat => clock.GetUtcNow() + TimeSpan.FromSeconds(2 * beat)).ToList();
        clock.Advance(TimeSpan.FromSeconds(60)); // the process paused, and the beats waited in a buffer

        held.ForEach(time => clocks.Hear(Origin, time));
        Beats(5, issuerIsAhead: 0);

        Assert.Empty(Warnings);
    }

    [Fact]
    public void Each_issuer_replica_has_its_own_clock_offset()
    {
        var other = new Uri("http://other:8080");
        for (var i = 0; i < 10; i++)
        {
            clock.Advance(TimeSpan.FromSeconds(2));
            clocks.Hear(Origin, clock.GetUtcNow());
            clocks.Hear(other, clock.GetUtcNow() + TimeSpan.FromSeconds(8));
        }

        Assert.Contains("8 s behind the issuer's at http://other:8080/", Assert.Single(Warnings), StringComparison.Ordinal);
        Assert.Equal((0, -8), (clocks.OffsetFrom(Origin).TotalSeconds, clocks.OffsetFrom(other).TotalSeconds));
    }

    public void Dispose()
    {
        clocks.Dispose();
        services.Dispose();
    }

    private void Beats(int count, int issuerIsAhead)
    {
        for (var beat = 0; beat < count; beat++)
        {
            clock.Advance(TimeSpan.FromSeconds(2));
            clocks.Hear(Origin, clock.GetUtcNow() + TimeSpan.FromSeconds(issuerIsAhead));
        }
    }
}
