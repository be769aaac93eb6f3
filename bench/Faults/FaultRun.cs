namespace AuthMesh.Bench.Faults;

/// <summary>Runs one fault under load.</summary>
internal static class FaultRun
{
    private static readonly TimeSpan Before = TimeSpan.FromSeconds(3), Calm = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan LongestAfter = TimeSpan.FromSeconds(60);

    public static async Task<Outcome> RunAsync(Fault fault, CancellationToken cancellation)
    {
        await using var mesh = await FaultMesh.StartAsync(fault.Options, cancellation);
        var gateway = mesh.Mesh.Gateway.Address;
        var ledger = new Ledger();
        using var load = new FaultLoad(gateway, ledger);
        await load.StartAsync();
        await Task.Delay(Before, cancellation);

        var began = load.Now;
        await load.StartLoginsAsync(fault.ParallelLogins);
        await fault.BreakAsync(mesh);
        var repaired = began;
        if (fault.RepairAsync is not null)
        {
            await Task.Delay(fault.Lasts, cancellation);
            repaired = load.Now;
            load.StopLogins();
            await fault.RepairAsync(mesh);
        }

        await UntilCalmAsync(load, cancellation);
        await load.StopAsync();
        var (lost, accepted) = await ledger.ReviewAsync(gateway);
        return new Outcome(fault, load.Attempts, began, repaired, ledger, lost, accepted);
    }

    // Calm: answers come, and none has failed for a while. A mesh that does not recover shows itself in the table.
    private static async Task UntilCalmAsync(FaultLoad load, CancellationToken cancellation)
    {
        var end = load.Now + LongestAfter;
        while (load.Now < end)
        {
            await Task.Delay(Calm, cancellation);
            var recent = load.Attempts.Where(attempt => attempt.Answered > load.Now - Calm).ToList();
            if (recent.Count > 0 && !recent.Any(attempt => attempt.HasFailed))
            {
                return;
            }
        }
    }
}
