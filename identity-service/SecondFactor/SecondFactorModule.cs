using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using Microsoft.EntityFrameworkCore;

namespace AuthMesh.Identity.SecondFactor;

internal static class SecondFactorModule
{
    public static readonly Module Instance = new("SecondFactor")
    {
        AddServices = services => services.AddSingleton<TrustedDevices>().AddScoped<ProveTotp>().AddScoped<RecoveryCodes>(),
        MapEntities = model => model.ApplyConfiguration(new TotpSecretMapping()).ApplyConfiguration(new RecoveryCodeMapping()),
        Settings = [typeof(SecondFactorOptions)],
    };

    extension(IdentityDb db)
    {
        public DbSet<TotpSecret> TotpSecrets => db.Set<TotpSecret>();

        public DbSet<RecoveryCode> RecoveryCodes => db.Set<RecoveryCode>();
    }
}
