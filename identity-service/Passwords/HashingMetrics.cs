using System.Diagnostics.Metrics;

namespace AuthMesh.Identity.Passwords;

/// <summary>The lane's metrics, separately for known devices and strangers.</summary>
internal sealed class HashingMetrics
{
    private readonly Histogram<double> wait;
    private readonly Counter<long> refusals;

    /// <param name="meters">Creates the meter.</param>
    /// <param name="places">Counts the places of known devices (true) or strangers (false).</param>
    /// <param name="waiting">Counts those of them that wait for a thread.</param>
    public HashingMetrics(IMeterFactory meters, Func<bool, int> places, Func<bool, int> waiting)
    {
        var meter = meters.Create("AuthMesh.Identity");
        meter.CreateObservableUpDownCounter(
            "authmesh.hashing.places", () => OfEach(places), "{place}", "Places taken in the hashing lane.");
        meter.CreateObservableUpDownCounter(
            "authmesh.hashing.queue.length", () => OfEach(waiting), "{password}", "Passwords that wait for a thread.");
        wait = meter.CreateHistogram("authmesh.hashing.wait", "s", "How long a password waited before it was hashed.",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 7.5, 10] });
        refusals = meter.CreateCounter<long>("authmesh.hashing.refusals", "{refusal}", "Callers refused without a hash, by reason.");
        foreach (var reason in (string[])["full", "pushed_out", "deadline"])
        {
            CountRefusal(reason, isKnown: true, number: 0);
            CountRefusal(reason, isKnown: false, number: 0);
        }
    }

    public void RecordWait(TimeSpan time, bool isKnown) => wait.Record(time.TotalSeconds, Device(isKnown));

    /// <param name="reason"><c>full</c>, <c>pushed_out</c> or <c>deadline</c>.</param>
    /// <param name="isKnown">Whether the device is known.</param>
    /// <param name="number">0 only makes the series, so that an alert sees the increase by its first refusal.</param>
    public void CountRefusal(string reason, bool isKnown, int number = 1) =>
        refusals.Add(number, new KeyValuePair<string, object?>("reason", reason), Device(isKnown));

    private static Measurement<int>[] OfEach(Func<bool, int> count) => [new(count(true), Device(true)), new(count(false), Device(false))];

    private static KeyValuePair<string, object?> Device(bool isKnown) => new("device", isKnown ? "known" : "unknown");
}
