namespace AuthMesh.Bench;

/// <summary>
/// What a mesh is started with when one address stands for thousands of people: measurements, and most tests. Here and nowhere else,
/// so that whoever does not write it gets the limits that everybody has.
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
    };

    /// <summary>Besides, hashes that take a millisecond, where many sign in only to be signed in.</summary>
    public static IReadOnlyDictionary<string, string> WithCheapHashes { get; } = new Dictionary<string, string>(Settings)
    {
        ["Identity:Hashing:WorkFactor"] = "4",
    };
}
