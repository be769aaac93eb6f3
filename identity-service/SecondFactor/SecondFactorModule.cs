using AuthMesh.Access;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using Microsoft.EntityFrameworkCore;

namespace AuthMesh.Identity.SecondFactor;

internal static class SecondFactorModule
{
    // Nobody confirms the code of an app that was set up a day ago.
    private static readonly PruneStatement Waiting = new(
        "authenticator secrets that nobody confirmed",
        """
        DELETE FROM totp_secrets WHERE id = ANY (ARRAY(
            SELECT id FROM totp_secrets WHERE confirmed_at IS NULL AND created_at < now() - interval '1 day'
            LIMIT @batch FOR UPDATE SKIP LOCKED))
        """);

    public static readonly Module Instance = new("SecondFactor")
    {
        AddServices = services => services
            .AddSingleton<TrustedDevices>().AddScoped<ProveTotp>().AddScoped<RecoveryCodes>().AddScoped<SetUpTotp>()
            .AddScoped<ConfirmTotp>().AddScoped<RemoveTotp>().AddScoped<ReplaceRecoveryCodes>().AddScoped<SetTwoStep>()
            .AddScoped<ForgetTrustedDevices>().AddScoped<RemoveSecondFactor>().AddSingleton(Waiting),
        MapEndpoints = MapEndpoints,
        MapEntities = model => model.ApplyConfiguration(new TotpSecretMapping()).ApplyConfiguration(new RecoveryCodeMapping()),
        Settings = [typeof(SecondFactorOptions)],
    };

    extension(IdentityDb db)
    {
        public DbSet<TotpSecret> TotpSecrets => db.Set<TotpSecret>();

        public DbSet<RecoveryCode> RecoveryCodes => db.Set<RecoveryCode>();
    }

    private static void MapEndpoints(IEndpointRouteBuilder app)
    {
        var own = app.MapNoStore().MapForSignIns("/account");

        // A stolen token or an unlocked screen is not enough to change how one gets in.
        var changes = own.MapGroup("").RequireRecentSignIn(ProvedMethods.LongestAge);
        ForgetTrustedDevices.Map(changes);
        SetUpTotp.Map(changes);
        ConfirmTotp.Map(changes);
        RemoveTotp.Map(changes);
        ReplaceRecoveryCodes.Map(changes);
        SetTwoStep.Map(changes);
    }
}
