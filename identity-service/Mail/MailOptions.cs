using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using AuthMesh.Settings;
using AuthMesh.Tls;
using MimeKit;

namespace AuthMesh.Identity.Mail;

/// <summary>How the conversation with the SMTP server is encrypted.</summary>
public enum MailTls
{
    /// <summary>The conversation begins in clear text and must turn to TLS before anything is said (RFC 3207).</summary>
    StartTls,

    /// <summary>TLS from the first byte (RFC 8314 §3.3).</summary>
    Implicit,

    /// <summary>No encryption. In Development, or to this machine.</summary>
    None,
}

/// <summary>The section <c>Identity:Mail</c>. Mail is off unless <see cref="Host"/> or <see cref="PickupFolder"/> is set.</summary>
public sealed class MailOptions
{
    /// <summary>The SMTP server's name or address.</summary>
    public string Host { get; set; } = "";

    /// <summary>0 is the usual port: 587, with <see cref="MailTls.Implicit"/> 465, with <see cref="MailTls.None"/> 25.</summary>
    public int Port { get; set; }

    public MailTls Tls { get; set; }

    /// <summary>
    /// A PEM file with the certificates that may have signed the server's. Unset, the system's certificates count. For a company's own
    /// certificate authority.
    /// </summary>
    public string RootCertificate { get; set; } = "";

    /// <summary>The user of the SMTP server. Empty if the server demands none.</summary>
    public string Username { get; set; } = "";

    /// <summary>The password of <see cref="Username"/>. Alternative: <see cref="PasswordFile"/>.</summary>
    public string Password { get; set; } = "";

    /// <summary>A file with the <see cref="Password"/>.</summary>
    public string PasswordFile { get; set; } = "";

    /// <summary>The sender, such as <c>Example &lt;no-reply@example.com&gt;</c>. The name is also what mails call the service.</summary>
    public string From { get; set; } = "";

    /// <summary>Where answers go. Empty for the sender.</summary>
    public string ReplyTo { get; set; } = "";

    /// <summary>A folder with files that replace single templates of the same name.</summary>
    public string Templates { get; set; } = "";

    /// <summary>Whether a sign-in from a device that the account does not know is told to its owner.</summary>
    public bool NewDeviceNotices { get; set; } = true;

    /// <summary>
    /// Instead of a server: a folder that gets each mail as a file, for the local mesh and for tests. Its readers can set passwords.
    /// </summary>
    public string PickupFolder { get; set; } = "";

    /// <summary>Whether this mesh sends mail. Otherwise features that need mail are off.</summary>
    internal bool IsConfigured => Host.Length > 0 || PickupFolder.Length > 0;

    internal int EffectivePort => Port != 0 ? Port : Tls switch
    {
        MailTls.Implicit => 465,
        MailTls.None => 25,
        _ => 587,
    };

    private bool HasLoopbackHost => Host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
        || (IPAddress.TryParse(Host, out var address) && IPAddress.IsLoopback(address));

    /// <summary>Reads a setting with one address.</summary>
    internal static MailboxAddress? ParseAddress(string text) =>
        MailboxAddress.TryParse(text, out var mailbox) && IsUsable(mailbox.GetAddress(idnEncode: true)) ? mailbox : null;

    /// <summary>Whether the address can stand in a mail's header: visible ASCII with an @ between two parts.</summary>
    internal static bool IsUsable(string address) =>
        address.All(c => c is > ' ' and < '\x7f')
        && address.IndexOf('@', StringComparison.Ordinal) is > 0 and var at && at < address.Length - 1;

    internal string ReadPassword() => Secret.Read(Password, PasswordFile);

    /// <summary>The certificates of <see cref="RootCertificate"/>; null if the system's count.</summary>
    internal X509Certificate2Collection? ReadRoots() =>
        RootCertificate.Length == 0 ? null : RootCertificates.Read(RootCertificate);

    internal void Check(SettingProblems problems, bool isDevelopment)
    {
        CheckServer(problems, isDevelopment);
        CheckCredentials(problems);
        MailTemplates.Check(Templates, problems);
        problems.Unless(
            Host.Length == 0 || PickupFolder.Length == 0, "Mail:PickupFolder", "and Mail:Host are both set. Keep one.");
        problems.Unless(
            ParseAddress(From) is not null || (From.Length == 0 && !IsConfigured), "Mail:From",
            "must be the sender's address, for example Example <no-reply@example.com>.");
        problems.Unless(
            ReplyTo.Length == 0 || ParseAddress(ReplyTo) is not null, "Mail:ReplyTo",
            "must be an address, for example help@example.com. Leave it out if answers go to the sender.");
    }

    private void CheckServer(SettingProblems problems, bool isDevelopment)
    {
        problems.Unless(
            Host.Length == 0 || Uri.CheckHostName(Host) != UriHostNameType.Unknown, "Mail:Host",
            "must be the name or address of an SMTP server, without a scheme or a port, for example smtp.example.com.");
        problems.Unless(
            Port is >= 0 and <= 65_535, "Mail:Port", "must be 0 to 65535. Leave it out for the usual port of Mail:Tls.");
        problems.Unless(
            Tls != MailTls.None || isDevelopment || Host.Length == 0 || HasLoopbackHost, "Mail:Tls",
            "must be StartTls or Implicit outside Development, unless Mail:Host is this machine: mails hold links that set passwords.");
        try
        {
            problems.Unless(
                ReadRoots() is not { Count: 0 }, "Mail:RootCertificate", "names a file without a certificate. It must be PEM.");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or CryptographicException)
        {
            problems.Unless(false, "Mail:RootCertificate", $"names a file that cannot be read: {exception.Message}");
        }
    }

    private void CheckCredentials(SettingProblems problems)
    {
        var password = Secret.TryRead(Password, PasswordFile, "Mail:Password", problems);
        problems.Unless(
            password is null || Username.Length > 0 == password.Length > 0, "Mail:Username",
            "and Mail:Password (or Mail:PasswordFile) belong together. Set both, or none if the server demands none.");
    }
}
