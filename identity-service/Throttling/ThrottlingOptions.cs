using AuthMesh.Settings;

namespace AuthMesh.Identity.Throttling;

/// <summary>The section <c>Identity:Throttling</c>: how many wrong attempts the service allows before it answers 429.</summary>
public sealed class ThrottlingOptions
{
    /// <summary>
    /// Wrong passwords for one account from one network. Ten are more than a person tries before asking for help, and a person will wait a
    /// quarter of an hour. (OWASP proposes as few as five, NIST SP 800-63B-4 §3.2.2 at most a hundred.)
    /// </summary>
    public LimitOptions AccountAndNetwork { get; set; } = new() { Attempts = 10, Window = TimeSpan.FromMinutes(15) };

    /// <summary>
    /// Wrong passwords for one account from devices that never signed in to it, in all networks. A botnet gets 1,200 guesses a day. The
    /// limit is much higher than that of one network, so that a single attacker cannot lock out the owner's next new device.
    /// </summary>
    public LimitOptions Account { get; set; } = new() { Attempts = 50, Window = TimeSpan.FromHours(1) };

    /// <summary>
    /// Wrong passwords from one network, for all accounts. It limits one address that tries one password with many names. An office or a
    /// compose set-up whose users share one address stays far below it.
    /// </summary>
    public LimitOptions Network { get; set; } = new() { Attempts = 200, Window = TimeSpan.FromMinutes(15) };

    /// <summary>
    /// Wrong passwords from one device that has signed in to the account before, or in one session. The values match AccountAndNetwork:
    /// the same person types, but nobody else can use this count up.
    /// </summary>
    public LimitOptions Device { get; set; } = new() { Attempts = 10, Window = TimeSpan.FromMinutes(15) };

    /// <summary>
    /// Wrong codes of a second factor for one account, from devices that never signed in to it. A device that has, and a session, have as
    /// many of their own. Who tries codes knows the password, so five are enough (NIST SP 800-63B-4 §3.2.2).
    /// </summary>
    public LimitOptions Codes { get; set; } = new() { Attempts = 5, Window = TimeSpan.FromMinutes(15) };

    /// <summary>
    /// Wrong codes of devices that one signed-in user types. A person copies eight letters, and slips a few times. If 10,000 of 20^8 codes
    /// wait, ten guesses hit one with a chance of 1 in 256,000. A hit only connects somebody else's device to the guesser's own account.
    /// </summary>
    public LimitOptions UserCodes { get; set; } = new() { Attempts = 10, Window = TimeSpan.FromMinutes(15) };

    /// <summary>Devices of one network that ask for a code: a class that connects its devices at once.</summary>
    public LimitOptions DevicesOfNetwork { get; set; } = new() { Attempts = 100, Window = TimeSpan.FromMinutes(10) };

    /// <summary>Devices that ask for a code of one application, in all networks. Each waiting code makes guessing easier.</summary>
    public LimitOptions DevicesOfApplication { get; set; } = new() { Attempts = 10_000, Window = TimeSpan.FromMinutes(10) };

    /// <summary>
    /// Authorization requests of one network that wait for their user: an office whose people all sign in within minutes. A row has up to
    /// 16 KB and waits for an hour, so without a limit one network could store gigabytes.
    /// </summary>
    public LimitOptions AuthorizationRequests { get; set; } = new() { Attempts = 2_000, Window = TimeSpan.FromMinutes(10) };

    /// <summary>
    /// Registrations from one network, including those that reveal a taken name. The limit suits a class that signs up together and stops
    /// the probing of a list of names.
    /// </summary>
    public LimitOptions Registrations { get; set; } = new() { Attempts = 100, Window = TimeSpan.FromHours(1) };

    /// <summary>
    /// Mails to one address that its owner did not ask for while signed in: resets, and proofs of an address at registration. A person
    /// looks for a lost mail a few times a day; more would only fill somebody's mailbox.
    /// </summary>
    public LimitOptions MailTo { get; set; } = new() { Attempts = 5, Window = TimeSpan.FromDays(1) };

    /// <summary>Such mails that one network causes, to all addresses: an office on its first morning, but no mass mailing.</summary>
    public LimitOptions MailFrom { get; set; } = new() { Attempts = 20, Window = TimeSpan.FromHours(1) };

    /// <summary>
    /// Proofs of an address that users ask for while signed in, for one account. It leaves room for slips and for mails that are late. To
    /// one address, <see cref="MailTo"/> counts.
    /// </summary>
    public LimitOptions RequestedMails { get; set; } = new() { Attempts = 10, Window = TimeSpan.FromDays(1) };

    internal void Check(SettingProblems problems)
    {
        AccountAndNetwork.Check(problems, nameof(AccountAndNetwork));
        Account.Check(problems, nameof(Account));
        Network.Check(problems, nameof(Network));
        Device.Check(problems, nameof(Device));
        Codes.Check(problems, nameof(Codes));
        UserCodes.Check(problems, nameof(UserCodes));
        DevicesOfNetwork.Check(problems, nameof(DevicesOfNetwork));
        DevicesOfApplication.Check(problems, nameof(DevicesOfApplication));
        AuthorizationRequests.Check(problems, nameof(AuthorizationRequests));
        Registrations.Check(problems, nameof(Registrations));
        MailTo.Check(problems, nameof(MailTo));
        MailFrom.Check(problems, nameof(MailFrom));
        RequestedMails.Check(problems, nameof(RequestedMails));
    }
}

/// <summary>A number of attempts in a time window that begins with the first attempt.</summary>
public sealed class LimitOptions
{
    public int Attempts { get; set; }

    public TimeSpan Window { get; set; }

    internal void Check(SettingProblems problems, string name)
    {
        problems.Unless(
            Attempts is >= 1 and <= 1_000_000, $"Throttling:{name}:Attempts",
            "must be 1 to 1000000; as many attempts may be in progress at once.");
        problems.Unless(
            Window >= TimeSpan.FromSeconds(1) && Window <= TimeSpan.FromDays(1), $"Throttling:{name}:Window",
            "must be 00:00:01 to 1.00:00:00: a locked-out caller waits for as long.");
    }
}
