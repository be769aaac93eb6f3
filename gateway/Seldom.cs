namespace AuthMesh.Gateway;

/// <summary>
/// Lets a warning pass at most every ten seconds. A refused client often repeats its request at once, and each refusal has a line at
/// Information already.
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
