using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using AuthMesh.Identity.Keys;
using Microsoft.Extensions.Options;

namespace AuthMesh.Identity.Throttling;

/// <summary>One count that an attempt draws on.</summary>
/// <param name="Limit">Which limit it is, for logs and metrics.</param>
/// <param name="Key">What is counted, as <see cref="AttemptCount.Key"/>.</param>
/// <param name="Attempts">How many there may be in a window.</param>
/// <param name="Window">How long that is.</param>
internal sealed record Allowance(string Limit, byte[] Key, int Attempts, TimeSpan Window);

/// <param name="Allowances">What an attempt draws on: there must be room in each.</param>
/// <param name="ForgivenKeys">The counts that the right password forgets, with the wrong ones of others in them.</param>
internal sealed record Budget(Allowance[] Allowances, params byte[][] ForgivenKeys);

/// <summary>Which counts an attempt draws on.</summary>
internal sealed class Budgets(KeyRing ring, IOptions<ThrottlingOptions> options)
{
    private ThrottlingOptions Limits => options.Value;

    /// <summary>
    /// A password for a name, as it was typed: whether there is such a user makes no difference. A device that is known to the account has
    /// a count of its own instead, which strangers cannot use up (OWASP, Slow Down Online Guessing Attacks with Device Cookies).
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
    /// The password of somebody who is signed in, on the budget of logins. Only the account's own count is not drawn on: it is strangers'
    /// to use up, and nobody else has this session's. A stolen token guesses no faster from many networks.
    /// </summary>
    public Budget ForSession(string account, string network, Guid sessionId)
    {
        var (here, session) = (AccountAndNetwork(account, network), New("session", Limits.Device, sessionId.ToString()));
        return new Budget([here, Network(network), session], here.Key, session.Key);
    }

    public Budget ForRegistration(string network) => new([New("registrations", Limits.Registrations, network)]);

    private Allowance AccountAndNetwork(string account, string network) =>
        New("account and network", Limits.AccountAndNetwork, account, network);

    // Never forgiven: whoever has an account of their own would sign in to it after every 199 guesses at others.
    private Allowance Network(string network) => New("network", Limits.Network, network);

    private Allowance New(string name, LimitOptions limit, params string[] parts) =>
        new(name, Key([name, .. parts]), limit.Attempts, limit.Window);

    // Keyed, since all IPv4 addresses are hashed in a minute; each part with its length, so that no two lists are one text.
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
