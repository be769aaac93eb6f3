namespace AuthMesh.Bench.Comparison;

/// <summary>How long and how often to measure.</summary>
/// <param name="Rounds">The number of rounds in which all contenders take turns.</param>
/// <param name="WarmUp">How long each contender is under load before the first counted round.</param>
/// <param name="Turn">How long each contender is under load in each round.</param>
/// <param name="Bound">The longest duration of a benchmark; a longer one hangs.</param>
/// <param name="IsSmoke">Whether the run only checks that everything works.</param>
internal sealed record Plan(int Rounds, TimeSpan WarmUp, TimeSpan Turn, TimeSpan Bound, bool IsSmoke)
{
    /// <summary>
    /// The rounds of benchmarks that take most of a minute each time, and compare a mesh with itself or with a constant.
    /// </summary>
    public int Repetitions => Math.Min(Rounds, 2);

    /// <summary>
    /// The plan for real figures. In the first 18 seconds of load the runtime still compiles hot code, and 5 rounds are the fewest for a
    /// median.
    /// </summary>
    public static Plan Full { get; } = new(
        Rounds: 5, WarmUp: TimeSpan.FromSeconds(18), Turn: TimeSpan.FromSeconds(4), Bound: TimeSpan.FromMinutes(12), IsSmoke: false);

    /// <summary>The plan that only checks that everything runs; its figures mean nothing.</summary>
    public static Plan Smoke { get; } = new(
        Rounds: 1, WarmUp: TimeSpan.Zero, Turn: TimeSpan.FromSeconds(1), Bound: TimeSpan.FromMinutes(2), IsSmoke: true);
}
