using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Settings;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace AuthMesh.Identity.Mail;

internal static class MailModule
{
    // Workers give up expired mails. This is for mails that stay behind because mail was turned off.
    private static readonly PruneStatement Expired = new(
        "expired mails",
        """
        DELETE FROM mails WHERE id = ANY (ARRAY(
            SELECT id FROM mails WHERE expires_at <= now() - interval '1 hour' LIMIT @batch FOR UPDATE SKIP LOCKED))
        """);

    public static readonly Module Instance = new("Mail")
    {
        AddServices = services => services
            .AddScoped<Outbox>()
            .AddSingleton<Signal<SendMails>>()
            .AddSingleton<MailQueue>()
            .AddSingleton<MailMetrics>()
            .AddSingleton<ComposeMail>()
            .AddSingleton<DeliverMails>()
            .AddSingleton(Route)
            .AddSingleton(Expired)
            .AddHostedService<SendMails>(),
        MapEntities = model => model.ApplyConfiguration(new OutgoingMailMapping()),
        Settings = [typeof(MailOptions)],
    };

    extension(IdentityDb db)
    {
        public DbSet<OutgoingMail> Mails => db.Set<OutgoingMail>();
    }

    private static IMailRoute Route(IServiceProvider provider)
    {
        var options = provider.GetRequiredService<IOptions<MailOptions>>().Value;
        var issuer = new Uri(provider.GetRequiredService<IOptions<AuthMeshOptions>>().Value.Issuer);
        return options.PickupFolder.Length > 0 ? new FolderRoute(options.PickupFolder) : new SmtpRoute(options, issuer.IdnHost);
    }
}
