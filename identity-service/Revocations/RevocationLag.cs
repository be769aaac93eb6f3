using System.Diagnostics.Metrics;

namespace AuthMesh.Identity.Revocations;

/// <summary>
/// Measures how late this replica learns of each entry, by PostgreSQL's clock alone: from the commit that wrote it to the statement that
/// read it. The verifiers connected to this replica hear of it in the next milliseconds, unless their feed is stale.
/// </summary>
internal sealed class RevocationLag(IMeterFactory meters)
{
    private readonly Histogram<double> lag = meters.Create("AuthMesh.Identity").CreateHistogram(
        "authmesh.revocations.lag", "s", "How late this replica learned of a revocation.",
        advice: new InstrumentAdvice<double>
        {
            HistogramBucketBoundaries = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
        });

    public void Record(IEnumerable<Revocation> news, DateTimeOffset databaseTime)
    {
        foreach (var entry in news)
        {
            // The statement's time is that of its start, and an entry may be committed just after it.
            lag.Record(Math.Max(0, (databaseTime - entry.WrittenAt).TotalSeconds));
        }
    }
}
