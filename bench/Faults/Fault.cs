namespace AuthMesh.Bench.Faults;

/// <param name="Name">What happens, for people.</param>
/// <param name="Slug">The same as a file name and as an argument.</param>
/// <param name="Options">The mesh on which it happens.</param>
/// <param name="BreakAsync">Begins the fault.</param>
/// <param name="RepairAsync">Ends it; null if the mesh must go on as it is.</param>
internal sealed record Fault(
    string Name, string Slug, FaultOptions Options, Func<FaultMesh, Task> BreakAsync, Func<FaultMesh, Task>? RepairAsync = null)
{
    /// <summary>The time from the beginning to the repair.</summary>
    public TimeSpan Lasts { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Callers who sign in all the time from the beginning to the repair, beside the usual load.</summary>
    public int ParallelLogins { get; init; }
}
