using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using Microsoft.EntityFrameworkCore;

namespace AuthMesh.Identity.Users;

internal static class UsersModule
{
    public static readonly Module Instance = new("Users")
    {
        MapEntities = model => model.ApplyConfiguration(new UserMapping()),
    };

    extension(IdentityDb db)
    {
        public DbSet<User> Users => db.Set<User>();
    }
}
