using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using Microsoft.EntityFrameworkCore;

namespace AuthMesh.Identity.SignIn;

internal static class SignInModule
{
    // A sign-in that a request uses at this moment has not expired, so none is locked.
    private static readonly PruneStatement Expired = new(
        "expired sign-ins",
        """
        DELETE FROM pending_sign_ins WHERE token_hash = ANY (ARRAY(
            SELECT token_hash FROM pending_sign_ins WHERE expires_at <= now() LIMIT @batch FOR UPDATE SKIP LOCKED))
        """);

    public static readonly Module Instance = new("SignIn")
    {
        AddServices = services => services
            .AddScoped<Login>().AddScoped<LoginWithCode>().AddScoped<LoginByPasskey>().AddScoped<ProvePassword>()
            .AddScoped<PendingSignIns>().AddScoped<DemandSecondFactor>().AddScoped<ProveCode>().AddScoped<CompleteSignIn>()
            .AddScoped<NoticeNewDevice>().AddSingleton(Expired),
        MapEntities = model => model.ApplyConfiguration(new PendingSignInMapping()),
        MapEndpoints = app =>
        {
            var group = app.MapNoStore();
            Login.Map(group);
            LoginWithCode.Map(group);
            LoginByPasskey.Map(group);
        },
    };

    extension(IdentityDb db)
    {
        public DbSet<PendingSignIn> PendingSignIns => db.Set<PendingSignIn>();
    }
}
