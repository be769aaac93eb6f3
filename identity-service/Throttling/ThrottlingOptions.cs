using AuthMesh.Settings;

namespace AuthMesh.Identity.Throttling;

/// <summary>The section <c>Identity:Throttling</c>: how often somebody may be wrong before being told to come back later.</summary>
public sealed class ThrottlingOptions
{
    /// <summary>
    /// Wrong passwords for one account from one network. Ten are more than a person tries before asking for help (OWASP proposes as
    /// few as five, NIST SP 800-63B-4 §3.2.2 a hundred at most), and a quarter of an hour is what a person waits.
    /// </summary>
    public LimitOptions AccountAndNetwork { get; set; } = new() { Attempts = 10, Window = TimeSpan.FromMinutes(15) };

    /// <summary>
    /// Wrong passwords for one account from devices that never signed in to it, wherever they are. What a botnet gets: 1,200 a day. Much
    /// more than one network may, so that a single nuisance does not bar the owner's next new device.
    /// </summary>
    public LimitOptions Account { get; set; } = new() { Attempts = 50, Window = TimeSpan.FromHours(1) };

    /// <summary>
    /// Wrong passwords from one network, whatever the accounts: what one address can do with one password and many names. An office or a
    /// compose set-up in which all share one address stays far below it.
    /// </summary>
    public LimitOptions Network { get; set; } = new() { Attempts = 200, Window = TimeSpan.FromMinutes(15) };

    /// <summary>
    /// Wrong passwords from one device that has signed in to the account before, or in one session. As for an account and a network: the
    /// same person types, only that nobody else can use it up.
    /// </summary>
    public LimitOptions Device { get; set; } = new() { Attempts = 10, Window = TimeSpan.FromMinutes(15) };

    /// <summary>Accounts made, and taken names found out, from one network: a class that signs up together, no list of names.</summary>
    public LimitOptions Registrations { get; set; } = new() { Attempts = 100, Window = TimeSpan.FromHours(1) };

    internal void Check(SettingProblems problems)
    {
        AccountAndNetwork.Check(problems, nameof(AccountAndNetwork));
        Account.Check(problems, nameof(Account));
        Network.Check(problems, nameof(Network));
        Device.Check(problems, nameof(Device));
        Registrations.Check(problems, nameof(Registrations));
    }
}

/// <summary>So many attempts in a window of time that begins with the first of them.</summary>
public sealed class LimitOptions
{
    public int Attempts { get; set; }

    public TimeSpan Window { get; set; }

    internal void Check(SettingProblems problems, string name)
    {
        problems.Unless(
            Attempts is >= 1 and <= 1_000_000, $"Throttling:{name}:Attempts",
            "must be 1 to 1000000; as many may be in progress at one time.");
        problems.Unless(
            Window >= TimeSpan.FromSeconds(1) && Window <= TimeSpan.FromDays(1), $"Throttling:{name}:Window",
            "must be 00:00:01 to 1.00:00:00: whoever is locked out waits for as long.");
    }
}
