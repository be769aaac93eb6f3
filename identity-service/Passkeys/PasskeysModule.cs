using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using Microsoft.EntityFrameworkCore;

namespace AuthMesh.Identity.Passkeys;

internal static class PasskeysModule
{
    public static readonly Module Instance = new("Passkeys")
    {
        MapEntities = model => model.ApplyConfiguration(new PasskeyMapping()).ApplyConfiguration(new UsedChallengeMapping()),
    };

    extension(IdentityDb db)
    {
        public DbSet<Passkey> Passkeys => db.Set<Passkey>();

        public DbSet<UsedChallenge> UsedChallenges => db.Set<UsedChallenge>();
    }
}
