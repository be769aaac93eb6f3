using AuthMesh.Shutdown;
using Microsoft.Extensions.Hosting;

namespace AuthMesh.Streams;

/// <summary>
/// Ends the open streams when the process stops, one after another, so that their clients do not all connect again at the same moment.
/// Until then, new ones may begin: another replica may not be ready yet.
/// </summary>
internal sealed class StreamShutdown(OpenStreams streams, ShutdownGrace grace, TimeProvider clock) : IHostedService
{
    // About half of the time that a stopping host waits for its requests. The other half is for clients that are slow to leave.
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(10);

    // A few streams need no spreading: 1,000 a second is a pace that a replica takes easily.
    private const int PerTick = 10;
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(10);

    public Task StartAsync(CancellationToken cancellationToken)
    {
        grace.Over.UnsafeRegister(static shutdown => _ = ((StreamShutdown)shutdown!).EndAllAsync(), this);
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private async Task EndAllAsync()
    {
        streams.Refuse();
        var open = streams.All();
        var perTick = Math.Max(PerTick, (int)Math.Ceiling(open.Count / (Longest / Tick)));
        foreach (var some in open.Chunk(perTick))
        {
            foreach (var stream in some)
            {
                stream.End(StreamEnd.GoingAway);
            }

            await Task.Delay(Tick, clock);
        }
    }
}
