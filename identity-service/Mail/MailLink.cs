namespace AuthMesh.Identity.Mail;

/// <summary>
/// Makes the link of one kind of mail at the moment when the mail is sent, so that the outbox holds no secret. A module above this one
/// registers it as a singleton.
/// </summary>
/// <param name="Kind">The kind of mail.</param>
/// <param name="CreateAsync">
/// Makes the link, such as <c>ISSUER/reset?token=…</c>, for the mail's user and address. The provider is a scope of this mail alone. Null
/// means that the mail is no longer wanted; it is deleted. A failed sending makes another link later.
/// </param>
internal sealed record MailLink(MailKind Kind, Func<IServiceProvider, OutgoingMail, CancellationToken, Task<string?>> CreateAsync);
