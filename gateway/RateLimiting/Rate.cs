namespace AuthMesh.Gateway.RateLimiting;

/// <summary>
/// A number of requests in a time, as the generic cell rate algorithm counts them (ITU-T I.371). The state of a client is one number: the
/// moment at which all its requests are forgotten. Each request moves that moment by an interval, and it may be one window ahead of now.
/// </summary>
/// <param name="Interval">The time that one request takes, in units of the clock's timestamps.</param>
/// <param name="Window">The time that all requests take.</param>
internal readonly record struct Rate(long Interval, long Window)
{
    /// <param name="requests">How many requests.</param>
    /// <param name="time">In which time.</param>
    /// <param name="frequency">The units of a timestamp in a second.</param>
    public static Rate Of(int requests, TimeSpan time, long frequency)
    {
        var interval = Math.Max(1, (long)(time.TotalSeconds * frequency / requests));
        return new Rate(interval, interval * requests);
    }

    /// <summary>How long a further request has to wait; 0 if it fits now.</summary>
    public long WaitOf(long forgottenAt, long now) => Math.Max(0, After(forgottenAt, now) - Window - now);

    /// <summary>The state after a further request.</summary>
    public long After(long forgottenAt, long now) => Math.Max(forgottenAt, now) + Interval;
}
