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
        ["Identity:Throttling:Codes:Attempts"] = Attempts,
        ["Identity:Throttling:UserCodes:Attempts"] = Attempts,
        ["Identity:Throttling:DevicesOfNetwork:Attempts"] = Attempts,
        ["Identity:Throttling:DevicesOfApplication:Attempts"] = Attempts,
        ["Identity:Throttling:AuthorizationRequests:Attempts"] = Attempts,
        ["Identity:Throttling:Registrations:Attempts"] = Attempts,
        ["Identity:Throttling:MailTo:Attempts"] = Attempts,
        ["Identity:Throttling:MailFrom:Attempts"] = Attempts,
        ["Identity:Throttling:RequestedMails:Attempts"] = Attempts,
    };

    /// <summary>
    /// Settings of the gateway with which it counts the requests of this machine as it counts those of others, and refuses none. Without
    /// them it does not count, and a measurement would not show what counting costs.
    /// </summary>
    public static IReadOnlyDictionary<string, string> Gateway { get; } = new Dictionary<string, string>
    {
        ["Gateway:RateLimits:LimitLoopback"] = "true",
        ["Gateway:RateLimits:Anonymous:Requests"] = Attempts,
        ["Gateway:RateLimits:SignIn:Requests"] = Attempts,
        ["Gateway:RateLimits:SignedIn:Requests"] = Attempts,
        ["Gateway:Concurrency:PerClient"] = "100000",
    };

    /// <summary>The settings of the identity service, plus hashes that take a millisecond.</summary>
    public static IReadOnlyDictionary<string, string> WithCheapHashes { get; } = new Dictionary<string, string>(Settings)
    {
        ["Identity:Hashing:WorkFactor"] = "4",
    };
}
