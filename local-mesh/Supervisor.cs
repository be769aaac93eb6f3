using AuthMesh.LocalMesh.Processes;

namespace AuthMesh.LocalMesh;

/// <summary>Restarts processes that die while the mesh runs. A process that repeatedly dies before it is ready ends the mesh.</summary>
internal static class Supervisor
{
    private const int Attempts = 5; // about half a minute, including the pauses

    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(1), LongestPause = TimeSpan.FromSeconds(30);

    // After a run this long, a death is unrelated to the previous one.
    private static readonly TimeSpan Settled = TimeSpan.FromMinutes(1);

    /// <summary>Ends with the cancellation, or with the exception of a part that failed for good.</summary>
    internal static async Task WatchAsync(Mesh mesh, CancellationToken stop)
    {
        List<Part> parts = [.. mesh.Services.Select(service => new Part(service.Name, service.LogFile, () => service.Exited, async () =>
        {
            await service.RestartAsync();
            mesh.RecordWhatRuns();
            await service.WaitUntilReadyAsync();
        }))];
        if (mesh.Postgres is { } postgres)
        {
            parts.Add(new(DataFolder.PostgresName, postgres.LogFile, () => postgres.Exited, async () =>
            {
                await postgres.StartAgainAsync();
                mesh.RecordWhatRuns();
            }));
        }

        // All watches must end, even when one gives up: a remaining watch would restart processes that are being stopped.
        using var all = CancellationTokenSource.CreateLinkedTokenSource(stop);
        var watches = parts.Select(part => WatchAsync(part, mesh.Report, all.Token)).ToList();
        var first = await Task.WhenAny(watches);
        await all.CancelAsync();
        await Task.WhenAll(watches).ContinueWith(_ => { }, TaskScheduler.Default);
        await first;
    }

    private static async Task WatchAsync(Part part, Action<string> report, CancellationToken stop)
    {
        var pause = FirstPause;
        var failures = 0;
        while (true)
        {
            var running = TimeProvider.System.GetTimestamp();
            var exitCode = await part.Exited().WaitAsync(stop);
            if (TimeProvider.System.GetElapsedTime(running) > Settled) pause = FirstPause;

            report($"{part.Name} ended with exit code {exitCode}; starting it again in {pause.TotalSeconds:0} s. Its log: {part.LogFile}");
            await Task.Delay(pause, stop);
            pause = TimeSpan.FromTicks(Math.Min(pause.Ticks * 2, LongestPause.Ticks));
            try
            {
                await part.StartAgain();
                failures = 0;
                report($"{part.Name} is ready again");
            }
            catch (MeshException e) when (++failures < Attempts)
            {
                report(e.Message);
            }
        }
    }

    private sealed record Part(string Name, string LogFile, Func<Task<int>> Exited, Func<Task> StartAgain);
}
