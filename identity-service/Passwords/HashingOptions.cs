using AuthMesh.Settings;

namespace AuthMesh.Identity.Passwords;

/// <summary>The section <c>Identity:Hashing</c>.</summary>
public sealed class HashingOptions
{
    // bcrypt itself allows 4 to 31. Above 16, one hash takes longer than a caller waits.
    internal const int SmallestWorkFactor = 4;
    internal const int LargestWorkFactor = 16;

    /// <summary>The cost of new hashes: 2^cost rounds.</summary>
    public int WorkFactor { get; set; } = 12; // 260 to 295 ms of one core (AMD EPYC, BCrypt.Net-Next 4.2), measured

    /// <summary>Threads that only hash; 0 means one for each core.</summary>
    public int Threads { get; set; }

    /// <summary>How many passwords may wait for a thread before the lane refuses callers: 64 take about 9 s on two cores.</summary>
    public int QueueLength { get; set; } = 64;

    /// <summary>
    /// The lane refuses a caller who has waited longer: by then a person has given up. The gateway times out after 30 s, and a password
    /// change waits twice.
    /// </summary>
    public TimeSpan LongestWait { get; set; } = TimeSpan.FromSeconds(10);

    internal void Check(SettingProblems problems)
    {
        problems.Unless(
            WorkFactor is >= SmallestWorkFactor and <= LargestWorkFactor, "Hashing:WorkFactor",
            "must be 4 to 16; use at least 10 for real users.");
        problems.Unless(Threads is >= 0 and <= 64, "Hashing:Threads", "must be 0 (as many as cores) to 64.");
        problems.Unless(QueueLength is >= 64 and <= 1_000, "Hashing:QueueLength", "must be 64 to 1000: callers behind these leave first.");
        problems.Unless(
            LongestWait >= TimeSpan.FromSeconds(1) && LongestWait <= TimeSpan.FromSeconds(12), "Hashing:LongestWait",
            "must be 00:00:01 to 00:00:12: a password change hashes twice within the gateway's 30 s.");
    }
}
