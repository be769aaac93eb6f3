using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using Microsoft.EntityFrameworkCore;

namespace AuthMesh.Identity.Emails;

internal static class EmailsModule
{
    public static readonly Module Instance = new("Emails")
    {
        MapEntities = model => model.ApplyConfiguration(new AccountProofMapping()).ApplyConfiguration(new MailRequestMapping()),
    };

    extension(IdentityDb db)
    {
        public DbSet<AccountProof> AccountProofs => db.Set<AccountProof>();

        public DbSet<MailRequest> MailRequests => db.Set<MailRequest>();
    }
}
