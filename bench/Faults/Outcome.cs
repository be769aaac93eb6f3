namespace AuthMesh.Bench.Faults;

/// <summary>What the load saw of one fault.</summary>
/// <param name="Fault">The fault.</param>
/// <param name="Attempts">Each request of the load.</param>
/// <param name="Began">When the fault began, since the start of the load.</param>
/// <param name="Repaired">When its repair began; the same if the mesh had to help itself.</param>
/// <param name="Ledger">What was acknowledged.</param>
/// <param name="Lost">Acknowledged writes that are missing.</param>
/// <param name="AcceptedAfterwards">Tokens of ended sessions that are accepted after the repair.</param>
internal sealed record Outcome(
    Fault Fault, IReadOnlyCollection<Attempt> Attempts, TimeSpan Began, TimeSpan Repaired, Ledger Ledger, int Lost, int AcceptedAfterwards)
{
    public int Accepted => Ledger.AcceptedTooLate + AcceptedAfterwards;

    public bool Holds => Lost == 0 && Accepted == 0 && RecoversIn != TimeSpan.MaxValue;

    /// <summary>The failed requests by what they got, the most frequent first.</summary>
    public IEnumerable<(string Result, int Count)> Failures => Attempts.Where(attempt => attempt.HasFailed)
        .CountBy(attempt => attempt.Result).OrderByDescending(count => count.Value).Select(count => (count.Key, count.Value));

    /// <summary>
    /// From the repair until requests of every kind succeed again and none fails any more: the last kind's first success after its last
    /// failure.
    /// </summary>
    public TimeSpan RecoversIn
    {
        get
        {
            var successes = Attempts.GroupBy(attempt => attempt.Call).Select(call =>
            {
                var lastFailure = call.Where(attempt => attempt.HasFailed).Select(attempt => attempt.Answered).DefaultIfEmpty().Max();
                return lastFailure <= Repaired && call.All(attempt => !attempt.HasFailed)
                    ? Repaired
                    : call.Where(attempt => !attempt.HasFailed && attempt.Answered > lastFailure && attempt.Answered > Repaired)
                        .Select(attempt => attempt.Answered).DefaultIfEmpty(TimeSpan.MaxValue).Min();
            });
            var last = successes.DefaultIfEmpty(Repaired).Max();
            return last == TimeSpan.MaxValue ? last : last - Repaired;
        }
    }
}
