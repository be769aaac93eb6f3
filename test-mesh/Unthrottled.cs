namespace AuthMesh.TestMesh;

/// <summary>
/// Settings for measurements and most tests, in which one address acts for thousands of people. A mesh without them has the default limits.
/// </summary>
public static class Unthrottled
{
    private const string Attempts = "1000000";

    public static IReadOnlyDictionary<string, string> Settings { get; } = new Dictionary<string, string>
    {
        ["Identity:Throttling:AccountAndNetwork:Attempts"] = Attempts,
        ["Identity:Throttling:Account:Attempts"] = Attempts,
        ["Identity:Throttling:Network:Attempts"] = Attempts,
        ["Identity:Throttling:Device:Attempts"] = Attempts,
        ["Identity:Throttling:Registrations:Attempts"] = Attempts,
        ["Identity:Throttling:MailTo:Attempts"] = Attempts,
        ["Identity:Throttling:MailFrom:Attempts"] = Attempts,
        ["Identity:Throttling:RequestedMails:Attempts"] = Attempts,
    };

    /// <summary>The same settings, plus hashes that take a millisecond.</summary>
    public static IReadOnlyDictionary<string, string> WithCheapHashes { get; } = new Dictionary<string, string>(Settings)
    {
        ["Identity:Hashing:WorkFactor"] = "4",
    };
}
