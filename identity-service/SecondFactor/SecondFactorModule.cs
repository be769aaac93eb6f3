using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using Microsoft.EntityFrameworkCore;

namespace AuthMesh.Identity.SecondFactor;

internal static class SecondFactorModule
{
    public static readonly Module Instance = new("SecondFactor")
    {
        MapEntities = model => model.ApplyConfiguration(new TotpSecretMapping()).ApplyConfiguration(new RecoveryCodeMapping()),
    };

    extension(IdentityDb db)
    {
        public DbSet<TotpSecret> TotpSecrets => db.Set<TotpSecret>();

        public DbSet<RecoveryCode> RecoveryCodes => db.Set<RecoveryCode>();
    }
}
