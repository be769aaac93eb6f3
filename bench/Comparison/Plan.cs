namespace AuthMesh.Bench.Comparison;

/// <summary>How long and how often everything is measured.</summary>
/// <param name="Rounds">How often all take turns.</param>
/// <param name="WarmUp">How long each is under load before anything counts.</param>
/// <param name="Turn">How long each is under load in each round.</param>
/// <param name="Bound">What takes longer as a whole has hung.</param>
/// <param name="IsSmoke">Whether only that everything runs is of interest.</param>
internal sealed record Plan(int Rounds, TimeSpan WarmUp, TimeSpan Turn, TimeSpan Bound, bool IsSmoke)
{
    /// <summary>
    /// What counts. Under 18 seconds of load the runtime still compiles what is hot, and 5 rounds are the least that has a median.
    /// </summary>
    /// <summary>For what takes most of a minute each time, and is compared with itself or with nothing that moves.</summary>
    public int Repetitions => Math.Min(Rounds, 2);

    public static Plan Full { get; } = new(
        Rounds: 5, WarmUp: TimeSpan.FromSeconds(18), Turn: TimeSpan.FromSeconds(4), Bound: TimeSpan.FromMinutes(7), IsSmoke: false);

    /// <summary>Whether everything runs, at all; its figures mean nothing.</summary>
    public static Plan Smoke { get; } = new(
        Rounds: 1, WarmUp: TimeSpan.Zero, Turn: TimeSpan.FromSeconds(1), Bound: TimeSpan.FromMinutes(2), IsSmoke: true);
}
