using MimeKit;

namespace AuthMesh.Identity.Mail;

/// <summary>A way for mails out of the house: an SMTP server, or a folder.</summary>
internal interface IMailRoute
{
    /// <summary>The way's end, for the log.</summary>
    string Name { get; }

    /// <summary>Opens a conversation that carries one mail after the other.</summary>
    /// <exception cref="MailRouteException">The way is closed for now. All mails wait.</exception>
    Task<IMailConversation> OpenAsync(CancellationToken cancellationToken);
}

internal interface IMailConversation : IAsyncDisposable
{
    /// <summary>Whether another mail may follow.</summary>
    bool IsOpen { get; }

    /// <returns>Null if the mail has left the house; else why it can never be delivered to this address.</returns>
    /// <exception cref="MailRouteException">The mail may pass later.</exception>
    Task<string?> SendAsync(MimeMessage message, CancellationToken cancellationToken);
}

/// <summary>A mail cannot leave the house now. The message says why, for the log.</summary>
internal sealed class MailRouteException(string message, Exception? cause = null) : Exception(message, cause);
