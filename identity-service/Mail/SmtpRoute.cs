using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using AuthMesh.Tls;
using MailKit;
using MailKit.Net.Smtp;
using MailKit.Security;
using MimeKit;

namespace AuthMesh.Identity.Mail;

/// <summary>Sends mails to the SMTP server of <see cref="MailOptions.Host"/>.</summary>
/// <param name="options">The server.</param>
/// <param name="ownName">How this service introduces itself: the issuer's host.</param>
internal sealed class SmtpRoute(MailOptions options, string ownName) : IMailRoute
{
    public string Name => $"{options.Host}:{options.EffectivePort}";

    public async Task<IMailConversation> OpenAsync(CancellationToken cancellationToken)
    {
        var client = new Client
        {
            LocalDomain = ownName,
            // Like browsers: many certificates name no list of revoked ones, and a server without a way out could ask nobody.
            CheckCertificateRevocation = false,
            ServerCertificateValidationCallback = (_, certificate, chain, errors) => IsTrusted(certificate, chain, errors),
        };
        try
        {
            await client.ConnectAsync(options.Host, options.EffectivePort, Security(options.Tls), cancellationToken);
            if (options.Username.Length > 0)
            {
                await client.AuthenticateAsync(options.Username, options.ReadPassword(), cancellationToken);
            }

            return new Conversation(client);
        }
        catch (Exception exception)
        {
            client.Dispose();
            if (Explain(exception) is { } reason)
            {
                throw new MailRouteException(reason, exception);
            }

            throw;
        }
    }

    // Auto would do without TLS where the server offers none.
    private static SecureSocketOptions Security(MailTls tls) => tls switch
    {
        MailTls.Implicit => SecureSocketOptions.SslOnConnect,
        MailTls.None => SecureSocketOptions.None,
        _ => SecureSocketOptions.StartTls,
    };

    // MailKit's own rule also takes some expired certificates of large providers for good.
    private bool IsTrusted(X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors)
    {
        if (errors == SslPolicyErrors.None && options.RootCertificate.Length == 0)
        {
            return true;
        }

        if ((errors & ~SslPolicyErrors.RemoteCertificateChainErrors) != 0 || certificate is not X509Certificate2 server
            || options.ReadRoots() is not { } roots)
        {
            return false;
        }

        return RootCertificates.FindFault(roots, server, chain) is null;
    }

    private static string? Explain(Exception exception) => exception switch
    {
        SslHandshakeException => "the TLS handshake failed: " + (exception.InnerException ?? exception).Message.Split('\n')[0],
        AuthenticationException => "the server refuses Mail:Username or Mail:Password",
        NotSupportedException => exception.Message, // no STARTTLS, no common way to authenticate
        SmtpCommandException refused => $"the server answers {(int)refused.StatusCode}: {refused.Message}",
        ServiceNotAuthenticatedException => "the server demands Mail:Username and Mail:Password",
        ProtocolException or ServiceNotConnectedException or SocketException or TimeoutException or IOException => exception.Message,
        _ => null,
    };

    /// <summary>Knows whether the server took the sender of the mail.</summary>
    private sealed class Client : SmtpClient
    {
        public bool HasSender { get; set; }

        protected override void OnSenderAccepted(MimeMessage message, MailboxAddress mailbox, SmtpResponse response) => HasSender = true;
    }

    private sealed class Conversation(Client client) : IMailConversation
    {
        private static readonly TimeSpan Farewell = TimeSpan.FromSeconds(2);

        public bool IsOpen => client.IsConnected;

        public async Task<string?> SendAsync(MimeMessage message, CancellationToken cancellationToken)
        {
            client.HasSender = false;
            try
            {
                await client.SendAsync(message, cancellationToken);
                return null;
            }
            // A refused sender is a wrong setting, which somebody can correct before the mail expires.
            catch (SmtpCommandException refused) when ((int)refused.StatusCode >= 500 && client.HasSender)
            {
                return Explain(refused);
            }
            catch (Exception exception) when (Explain(exception) is { } reason)
            {
                throw new MailRouteException(reason, exception);
            }
        }

        public async ValueTask DisposeAsync()
        {
            using var limit = new CancellationTokenSource(Farewell);
            try
            {
                if (client.IsConnected)
                {
                    await client.DisconnectAsync(quit: true, limit.Token);
                }
            }
            catch (Exception exception) when (exception is OperationCanceledException || Explain(exception) is not null)
            {
                // The mails have been taken; the server need not say goodbye.
            }

            client.Dispose();
        }
    }
}
