namespace AuthMesh.Bench.FailOver;

/// <summary>A part of the cluster that breaks in a round of the drill.</summary>
/// <param name="Name">For the table.</param>
/// <param name="BreakAsync">Breaks it, and returns what ends the fault.</param>
internal sealed record DrillFault(string Name, Func<Cluster, Task<Func<Task>>> BreakAsync)
{
    /// <summary>The order of the rounds; the short form takes the first two.</summary>
    public static IReadOnlyList<DrillFault> InOrder { get; } =
    [
        new("the primary's postmaster is killed", async cluster =>
        {
            await (await cluster.FindAsync("leader")).KillPostmasterAsync();
            return Nothing; // Patroni heals it
        }),
        new("switch-over", async cluster =>
        {
            var leader = await cluster.FindAsync("leader");
            await leader.Patroni.SwitchOverAsync(leader.Name);
            return Nothing;
        }),
        new("the primary's node is killed", async cluster =>
        {
            var leader = await cluster.FindAsync("leader");
            await leader.KillAsync();
            return leader.StartAsync;
        }),
        new("the synchronous standby is cut off", cluster => CutOffAsync(cluster, "sync_standby")),
        new("the primary is cut off", cluster => CutOffAsync(cluster, "leader")),
    ];

    private static Task Nothing() => Task.CompletedTask;

    private static async Task<Func<Task>> CutOffAsync(Cluster cluster, string role)
    {
        var node = await cluster.FindAsync(role);
        await node.CutOffAsync();
        return node.ReconnectAsync;
    }
}
