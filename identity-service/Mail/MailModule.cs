using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using Microsoft.EntityFrameworkCore;

namespace AuthMesh.Identity.Mail;

internal static class MailModule
{
    public static readonly Module Instance = new("Mail")
    {
        AddServices = services => services.AddScoped<Outbox>(),
        MapEntities = model => model.ApplyConfiguration(new OutgoingMailMapping()),
    };

    extension(IdentityDb db)
    {
        public DbSet<OutgoingMail> Mails => db.Set<OutgoingMail>();
    }
}
