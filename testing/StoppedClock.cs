namespace AuthMesh.Testing;

/// <summary>
/// The clock by which the service measures how old its revocations are. It stands still, so they stay as fresh as a feed would keep them.
/// </summary>
internal sealed class StoppedClock : TimeProvider
{
    private long timestamp;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => Interlocked.Read(ref timestamp);

    public void Advance(TimeSpan time) => Interlocked.Add(ref timestamp, time.Ticks);
}
