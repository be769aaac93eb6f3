namespace AuthMesh.Identity.Mail;

/// <summary>The mails that the service sends. Each has templates of this name in snake_case.</summary>
internal enum MailKind
{
    /// <summary>A link that proves the address.</summary>
    VerifyEmail,

    /// <summary>A link that sets a new password.</summary>
    PasswordReset,

    /// <summary>A link that opens an account which an admin made.</summary>
    Invitation,

    PasswordChanged,

    /// <summary>
    /// To the address before: the account has another address now, or asks for one. Data: <c>new_address</c>.
    /// </summary>
    EmailChanged,

    /// <summary>To the address before: the account has no address now.</summary>
    EmailRemoved,

    /// <summary>A second factor, a passkey or a key was added. Data: <c>method</c>, see <see cref="MailData"/>.</summary>
    SignInMethodAdded,

    /// <summary>Data: <c>method</c>, see <see cref="MailData"/>.</summary>
    SignInMethodRemoved,

    /// <summary>Data: <c>remaining</c>, the number of codes that are left.</summary>
    RecoveryCodeUsed,

    /// <summary>The third wrong code after a right password.</summary>
    PasswordKnown,

    /// <summary>
    /// A sign-in from a device that the account does not know. Data: <c>device</c>, its name or <see cref="MailData.UnknownDevice"/>, and
    /// <c>network</c>.
    /// </summary>
    NewDevice,

    /// <summary>
    /// The account's name is the address that another account proved, so this account has another name now. Data: <c>old_username</c>.
    /// </summary>
    UsernameReplaced,
}

/// <summary>The values that each kind of mail needs from the code that causes it.</summary>
internal static class MailData
{
    /// <summary>The values of <c>method</c>. Templates show each in the mail's language.</summary>
    public static readonly string[] Methods = ["password", "totp", "passkey", "recovery_codes", "two_step", "key", "reported_key"];

    /// <summary>The value of <c>device</c> for a program that we cannot name. Templates show it in the mail's language.</summary>
    public const string UnknownDevice = "unknown_device";

    /// <summary>The values that templates show in the mail's language, by the files of words.</summary>
    public static readonly string[] Words = [.. Methods, UnknownDevice];

    /// <summary>The names that the data of a mail of this kind must have, neither more nor fewer.</summary>
    public static string[] NamesOf(MailKind kind) => kind switch
    {
        MailKind.EmailChanged => ["new_address"],
        MailKind.SignInMethodAdded or MailKind.SignInMethodRemoved => ["method"],
        MailKind.RecoveryCodeUsed => ["remaining"],
        MailKind.NewDevice => ["device", "network"],
        MailKind.UsernameReplaced => ["old_username"],
        _ => [],
    };

    /// <summary>Whether the mail holds a link, which a <see cref="MailLink"/> makes.</summary>
    public static bool HasLink(MailKind kind) => kind is MailKind.VerifyEmail or MailKind.PasswordReset or MailKind.Invitation;
}
