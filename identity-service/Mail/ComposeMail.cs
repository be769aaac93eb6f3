using System.Globalization;
using System.Text.Json;
using AuthMesh.Settings;
using Microsoft.Extensions.Options;
using MimeKit;
using MimeKit.Text;

namespace AuthMesh.Identity.Mail;

/// <summary>Writes the mail that leaves the house: its link, made at this moment, its texts and its headers.</summary>
internal sealed class ComposeMail
{
    private readonly Dictionary<MailKind, MailLink> links;
    private readonly Lazy<MailTemplates> templates;
    private readonly MailboxAddress? from, replyTo;
    private readonly string issuer, host, product;
    private readonly IServiceScopeFactory scopes;
    private readonly TimeProvider clock;

    public ComposeMail(
        IEnumerable<MailLink> links, IOptions<MailOptions> options, IOptions<AuthMeshOptions> mesh, IServiceScopeFactory scopes,
        TimeProvider clock)
    {
        this.links = links.ToDictionary(link => link.Kind);
        (this.scopes, this.clock) = (scopes, clock);
        templates = new(() => MailTemplates.Read(options.Value.Templates));
        from = MailOptions.ParseAddress(options.Value.From); // null while mail is off
        replyTo = MailOptions.ParseAddress(options.Value.ReplyTo);
        issuer = mesh.Value.Issuer;
        host = new Uri(issuer).IdnHost;
        product = string.IsNullOrEmpty(from?.Name) ? host : from.Name;
    }

    /// <returns>The mail, or null if it is no longer wanted.</returns>
    public async Task<MimeMessage?> RunAsync(LeasedMail leased, CancellationToken cancellationToken)
    {
        var mail = leased.Mail;
        var kind = Enum.Parse<MailKind>(mail.Kind);
        var values = new Dictionary<string, string>
        {
            ["product"] = product,
            ["issuer"] = issuer,
            ["account"] = leased.Account,
            ["address"] = mail.Address,
            ["time"] = mail.CreatedAt.UtcDateTime.ToString("yyyy-MM-dd HH:mm 'UTC'", CultureInfo.InvariantCulture),
        };
        using (var data = JsonDocument.Parse(mail.Data))
        {
            foreach (var value in data.RootElement.EnumerateObject())
            {
                values[value.Name] = value.Value.GetString()!;
            }
        }

        if (MailData.HasLink(kind))
        {
            await using var scope = scopes.CreateAsyncScope();
            if (await links[kind].CreateAsync(scope.ServiceProvider, mail, cancellationToken) is not { } link)
            {
                return null;
            }

            values["link"] = link;
        }

        return Build(mail, templates.Value.Render(kind, mail.Language, values));
    }

    private MimeMessage Build(OutgoingMail mail, MailText text)
    {
        var message = new MimeMessage
        {
            Subject = text.Subject,
            Date = clock.GetUtcNow(),
            // The same for every attempt: a mailbox that gets a mail twice can tell.
            MessageId = $"{mail.Id:N}@{host}",
            Body = new MultipartAlternative
            {
                new TextPart(TextFormat.Plain) { Text = text.Text },
                new TextPart(TextFormat.Html) { Text = text.Html },
            },
        };
        message.From.Add(from!);
        message.To.Add(new MailboxAddress(name: null, mail.Address));
        if (replyTo is not null)
        {
            message.ReplyTo.Add(replyTo);
        }

        message.Headers.Add("Auto-Submitted", "auto-generated"); // no holiday notes, please (RFC 3834 §5)
        message.Prepare(EncodingConstraint.SevenBit);
        return message;
    }
}
