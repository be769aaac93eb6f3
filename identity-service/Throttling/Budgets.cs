using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using AuthMesh.Identity.Keys;
using Microsoft.Extensions.Options;

namespace AuthMesh.Identity.Throttling;

/// <summary>One count that an attempt draws on.</summary>
/// <param name="Limit">The limit's name, for logs and metrics.</param>
/// <param name="Key">The <see cref="AttemptCount.Key"/> of the count.</param>
/// <param name="Attempts">The maximum number of attempts in a window.</param>
/// <param name="Window">The length of the window.</param>
internal sealed record Allowance(string Limit, byte[] Key, int Attempts, TimeSpan Window);

/// <param name="Allowances">The counts that an attempt draws on; each must have room.</param>
/// <param name="ForgivenKeys">The counts that the right password resets, including wrong guesses by others.</param>
internal sealed record Budget(Allowance[] Allowances, params byte[][] ForgivenKeys);

/// <summary>Chooses the counts that an attempt draws on.</summary>
internal sealed class Budgets(KeyRing ring, IOptions<ThrottlingOptions> options)
{
    private ThrottlingOptions Limits => options.Value;

    /// <summary>
    /// The account that guesses count for: the user, so that its name and its address share one limit, and else the typed text. A text that
    /// looks like an id has a limit of its own.
    /// </summary>
    public static string AccountOf(Guid? userId, string typed = "") => userId?.ToString() ?? $"typed {typed}";

    /// <summary>
    /// The budget of a login with a typed name, whether or not the user exists. A device that the account knows has its own count instead,
    /// which strangers cannot use up (OWASP, Slow Down Online Guessing Attacks with Device Cookies).
    /// </summary>
    public Budget ForLogin(string account, string network, DeviceCookie? knownDevice)
    {
        var here = AccountAndNetwork(account, network);
        if (knownDevice is null)
        {
            return new Budget([here, Network(network), New("account", Limits.Account, account)], here.Key);
        }

        var device = New("device", Limits.Device, Convert.ToHexString(knownDevice.Nonce));
        return new Budget([device], device.Key, here.Key);
    }

    /// <summary>
    /// The budget of a signed-in caller's password check. It shares the counts of logins except the account's, which strangers can use up.
    /// Instead, it draws on a count for the session, so a stolen token guesses no faster from many networks.
    /// </summary>
    public Budget ForSession(string account, string network, Guid sessionId)
    {
        var (here, session) = (AccountAndNetwork(account, network), New("session", Limits.Device, sessionId.ToString()));
        return new Budget([here, Network(network), session], here.Key, session.Key);
    }

    /// <summary>
    /// The budget of a code after a right password. A device that the account knows has its own count, which a thief of the password cannot
    /// use up.
    /// </summary>
    public Budget ForCode(Guid userId, DeviceCookie? knownDevice) => ForCode(
        knownDevice is null
            ? New("codes", Limits.Codes, userId.ToString())
            : New("codes of a device", Limits.Codes, Convert.ToHexString(knownDevice.Nonce)));

    /// <summary>The budget of a signed-in caller's code.</summary>
    public Budget ForSessionCode(Guid sessionId) => ForCode(New("codes of a session", Limits.Codes, sessionId.ToString()));

    /// <summary>
    /// The budget of a sign-in by passkey. Nobody guesses a signature: the limit only bounds the work that one network can cause.
    /// </summary>
    public Budget ForPasskey(string network) => new([Network(network)]);

    /// <summary>
    /// The budget of a code that a signed-in user copies from a device. A right code does not count, and it resets nothing: an attacker
    /// would type the code of a device of their own after every few guesses.
    /// </summary>
    public Budget ForUserCode(Guid userId, string network) =>
        new([New("user codes", Limits.UserCodes, userId.ToString()), Network(network)]);

    /// <summary>
    /// The budget of devices that ask for a code. It bounds how many codes wait at one moment, so that a guess hits none. Accepted
    /// weakness: enough networks together can use up the count of an application. Then no device gets a code of it for some minutes.
    /// </summary>
    public Budget ForDevice(Guid applicationId, string network) => new(
    [
        New("devices of a network", Limits.DevicesOfNetwork, network),
        New("devices of an application", Limits.DevicesOfApplication, applicationId.ToString()),
    ]);

    /// <summary>The budget of authorization requests that are stored for a browser, or for an application that keeps no secret.</summary>
    public Budget ForAuthorizationRequest(string network) =>
        new([New("authorization requests", Limits.AuthorizationRequests, network)]);

    public Budget ForRegistration(string network) => new([New("registrations", Limits.Registrations, network)]);

    /// <summary>
    /// The budget of mails that their reader did not ask for while signed in: of the address and of the network that causes them. Addresses
    /// that differ only in case share it.
    /// </summary>
    public Budget ForMail(string address, string network) =>
        new([New("mail to", Limits.MailTo, address.ToLowerInvariant()), New("mail from", Limits.MailFrom, network)]);

    /// <summary>The budget of warnings to one address, of a kind that an attacker can cause: as many as of other unasked mails.</summary>
    public Budget ForWarning(string address) => new([New("warnings to", Limits.MailTo, address.ToLowerInvariant())]);

    /// <summary>
    /// The budget of proofs that a signed-in user asks for. The address counts too: its owner may be somebody else, whose mailbox an
    /// attacker with many accounts would fill.
    /// </summary>
    public Budget ForRequestedMail(Guid userId, string address, string network) => new(
    [
        New("requested mails", Limits.RequestedMails, userId.ToString()),
        New("requested mails to", Limits.MailTo, address.ToLowerInvariant()), New("mail from", Limits.MailFrom, network),
    ]);

    private static Budget ForCode(Allowance count) => new([count], count.Key);

    private Allowance AccountAndNetwork(string account, string network) =>
        New("account and network", Limits.AccountAndNetwork, account, network);

    // Never reset: an attacker with an account of their own would sign in to it after every 199 guesses at others.
    private Allowance Network(string network) => New("network", Limits.Network, network);

    private Allowance New(string name, LimitOptions limit, params string[] parts) =>
        new(name, Key([name, .. parts]), limit.Attempts, limit.Window);

    // The hash is keyed, because hashing all IPv4 addresses takes a minute. Each part follows its length, so that no two lists collide.
    private byte[] Key(string[] parts)
    {
        var key = MacToken.DeriveKey(ring.CurrentMacKey.Secret, "authmesh attempt counts 1");
        using var hash = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, key);
        Span<byte> length = stackalloc byte[sizeof(int)];
        foreach (var part in parts)
        {
            var bytes = Encoding.UTF8.GetBytes(part);
            BinaryPrimitives.WriteInt32BigEndian(length, bytes.Length);
            hash.AppendData(length);
            hash.AppendData(bytes);
        }

        return hash.GetHashAndReset();
    }
}
