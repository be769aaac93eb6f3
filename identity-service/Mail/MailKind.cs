namespace AuthMesh.Identity.Mail;

/// <summary>The mails that the service sends. Each has a template of this name in snake_case.</summary>
internal enum MailKind
{
    /// <summary>A link that proves the address.</summary>
    VerifyEmail,

    /// <summary>A link that sets a new password.</summary>
    PasswordReset,

    /// <summary>A link that opens an account which an admin made.</summary>
    Invitation,

    PasswordChanged,

    /// <summary>To the address before: the account has another address now, or asks for one.</summary>
    EmailChanged,

    /// <summary>A second factor or a passkey was added.</summary>
    SignInMethodAdded,

    SignInMethodRemoved,

    RecoveryCodeUsed,

    /// <summary>The third wrong code after a right password.</summary>
    PasswordKnown,

    NewDevice,

    /// <summary>The account's name is the address that another account proved, so this account has another name now.</summary>
    UsernameReplaced,
}
