using AuthMesh.Errors;
using AuthMesh.Identity.Mail;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Users;
using Microsoft.Extensions.Options;

namespace AuthMesh.Identity.Emails;

/// <summary>Mails an address the link that proves it.</summary>
internal sealed class MailVerification(Outbox outbox, IOptions<MailOptions> mail)
{
    public static readonly Failure NotConfigured = new(
        StatusCodes.Status404NotFound, "mail_not_configured", "This mesh sends no mail");

    /// <summary>Whether this mesh sends mail. Pages hide what needs it.</summary>
    public bool IsPossible => mail.Value.IsConfigured;

    /// <summary>Adds the mail within the caller's transaction, which also stores the address as the account's requested one.</summary>
    public Task AddAsync(Guid userId, EmailAddress address, HttpContext context, CancellationToken cancellationToken) => outbox.AddAsync(
        userId, MailKind.VerifyEmail, address.Value, PreferredLanguage.Of(context.Request), new Dictionary<string, string>(),
        Outbox.Lifetime, cancellationToken);
}
