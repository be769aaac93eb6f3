using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using AuthMesh.Settings;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace AuthMesh.Issuer;

/// <summary>
/// Compares the clock of this process with that of each replica of the identity service, which writes <c>iat</c> and <c>exp</c>. Every beat
/// of the feed carries the replica's time.
/// </summary>
/// <remarks>
/// The time comes from the beat, not from the <c>Date</c> header of an answer: a beat arrives every 2 s without a request, and has
/// milliseconds. A beat's delay makes this clock look ahead, never behind. So the smallest difference of the last five beats counts: one
/// delayed beat changes nothing.
/// </remarks>
internal sealed partial class IssuerClocks : IDisposable
{
    private static readonly TimeSpan Tolerated = TimeSpan.FromSeconds(5); // a time server keeps clocks together within a tenth of a second
    private static readonly TimeSpan RightAgain = TimeSpan.FromSeconds(3); // below Tolerated: a clock at the limit is reported once
    private static readonly TimeSpan ShortestInterval = TimeSpan.FromMilliseconds(500); // beats that waited in a buffer together count once

    private const int Beats = 5;

    private readonly ConcurrentDictionary<Uri, Comparison> comparisons = new();
    private readonly TimeProvider clock;
    private readonly TimeSpan skew;
    private readonly ILogger<IssuerClocks> logger;
    private readonly Meter meter;

    public IssuerClocks(TimeProvider clock, IOptions<AuthMeshOptions> mesh, IMeterFactory meters, ILogger<IssuerClocks> logger)
    {
        (this.clock, this.logger, skew) = (clock, logger, mesh.Value.ClockSkew);
        meter = meters.Create("AuthMesh.Clock");
        meter.CreateObservableGauge(
            "authmesh.clock.offset", MeasureOffsets, "s", "How far the clock here is ahead of the issuer's; negative if it is behind.");
    }

    /// <summary>How far the clock here is ahead of this replica's; negative if it is behind.</summary>
    public TimeSpan OffsetFrom(Uri origin) => comparisons.TryGetValue(origin, out var comparison) ? comparison.Offset : TimeSpan.Zero;

    /// <summary>Forgets a replica that is gone.</summary>
    public void Forget(Uri origin) => comparisons.TryRemove(origin, out _);

    /// <summary>Takes the time that a replica sent.</summary>
    public void Hear(Uri origin, DateTimeOffset time)
    {
        var comparison = comparisons.GetOrAdd(origin, _ => new Comparison());
        lock (comparison)
        {
            var now = clock.GetTimestamp();
            if (comparison.Differences.Count > 0 && clock.GetElapsedTime(comparison.HeardAt, now) < ShortestInterval)
            {
                return;
            }

            comparison.HeardAt = now;
            comparison.Differences.Enqueue(clock.GetUtcNow() - time);
            if (comparison.Differences.Count > Beats)
            {
                comparison.Differences.Dequeue();
            }

            comparison.Offset = comparison.Differences.Min();
            if (comparison.Offset < TimeSpan.Zero || comparison.Differences.Count == Beats) // a late first beat proves nothing
            {
                Report(origin, comparison);
            }
        }
    }

    public void Dispose() => meter.Dispose();

    private IEnumerable<Measurement<double>> MeasureOffsets() => comparisons.Select(replica => new Measurement<double>(
        replica.Value.Offset.TotalSeconds, new KeyValuePair<string, object?>("issuer", replica.Key.GetLeftPart(UriPartial.Authority))));

    // Logs once per change, not once per beat.
    private void Report(Uri origin, Comparison comparison)
    {
        var offset = comparison.Offset;
        if (comparison.Reported is not null && offset.Duration() <= RightAgain)
        {
            comparison.Reported = null;
            LogRight(origin);
        }
        else if (offset.Duration() > Tolerated && (comparison.Reported is not { } before || (offset - before).Duration() > Tolerated))
        {
            comparison.Reported = offset;
            LogOff(Math.Round(offset.Duration().TotalSeconds), offset < TimeSpan.Zero ? "behind" : "ahead of", origin, skew.TotalSeconds);
        }
    }

    [LoggerMessage(LogLevel.Warning,
        "The clock here is {Seconds} s {Direction} the issuer's at {Origin}. Tokens are judged correctly up to {Skew} s of difference. "
        + "Synchronize both clocks with a time server")]
    private partial void LogOff(double seconds, string direction, Uri origin, double skew);

    [LoggerMessage(LogLevel.Information, "The clock here agrees with the issuer's at {Origin} again")]
    private partial void LogRight(Uri origin);

    private sealed class Comparison
    {
        public Queue<TimeSpan> Differences { get; } = new();

        public long HeardAt { get; set; }

        public TimeSpan Offset { get; set; }

        public TimeSpan? Reported { get; set; }
    }
}
