using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using AuthMesh.Settings;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace AuthMesh.Identity.Passkeys;

internal static class PasskeysModule
{
    private static readonly PruneStatement Expired = new(
        "used challenges",
        """
        DELETE FROM used_challenges WHERE nonce = ANY (ARRAY(
            SELECT nonce FROM used_challenges WHERE expires_at <= now() LIMIT @batch FOR UPDATE SKIP LOCKED))
        """);

    public static readonly Module Instance = new("Passkeys")
    {
        AddServices = services => services
            .AddSingleton(provider => PasskeyCeremony.Demands(
                provider.GetRequiredService<IOptions<PasskeyOptions>>().Value,
                provider.GetRequiredService<IOptions<AuthMeshOptions>>().Value))
            .AddScoped<PasskeyCeremony>()
            .AddScoped<SpendPasskey>()
            .AddScoped<AddPasskey>()
            .AddScoped<ListPasskeys>()
            .AddScoped<RenamePasskey>()
            .AddScoped<RemovePasskey>()
            .AddScoped<OfferStepUp>()
            .AddSingleton(Expired),
        MapEntities = model => model.ApplyConfiguration(new PasskeyMapping()).ApplyConfiguration(new UsedChallengeMapping()),
        MapEndpoints = MapEndpoints,
        Settings = [typeof(PasskeyOptions)],
    };

    extension(IdentityDb db)
    {
        public DbSet<Passkey> Passkeys => db.Set<Passkey>();

        public DbSet<UsedChallenge> UsedChallenges => db.Set<UsedChallenge>();
    }

    private static void MapEndpoints(IEndpointRouteBuilder app)
    {
        var own = app.MapNoStore().MapForSignIns("/account/passkeys");
        AddPasskey.Map(own);
        ListPasskeys.Map(own);
        RenamePasskey.Map(own);
        RemovePasskey.Map(own);
        OfferStepUp.Map(own);
    }
}
