namespace AuthMesh.Gateway;

/// <summary>
/// Lets a log line pass at most every ten seconds. A refused client often repeats its request at once, and would fill the log.
/// </summary>
internal sealed class Seldom(TimeProvider clock)
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    private long lastAt;

    public bool IsDue()
    {
        var last = Interlocked.Read(ref lastAt);
        return (last == 0 || clock.GetElapsedTime(last) >= Interval)
            && Interlocked.CompareExchange(ref lastAt, clock.GetTimestamp(), last) == last;
    }
}
