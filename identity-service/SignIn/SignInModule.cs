using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using Microsoft.EntityFrameworkCore;

namespace AuthMesh.Identity.SignIn;

internal static class SignInModule
{
    public static readonly Module Instance = new("SignIn")
    {
        AddServices = services => services.AddScoped<ProvePassword>().AddScoped<Login>().AddScoped<CompleteSignIn>(),
        MapEntities = model => model.ApplyConfiguration(new PendingSignInMapping()),
        MapEndpoints = app => Login.Map(app.MapNoStore()),
    };

    extension(IdentityDb db)
    {
        public DbSet<PendingSignIn> PendingSignIns => db.Set<PendingSignIn>();
    }
}
