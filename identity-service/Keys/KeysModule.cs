using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Keys;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace AuthMesh.Identity.Keys;

internal static class KeysModule
{
    public static readonly Module Instance = new("Keys")
    {
        AddServices = services => services
            .AddSingleton(provider => MasterKey.Read(provider.GetRequiredService<IOptions<MasterKeyOptions>>().Value))
            .AddSingleton<KeyRing>()
            .AddSingleton<IVerificationKeys, RingVerificationKeys>()
            .AddSingleton<VerifierRegister>()
            .AddSingleton<KeyMetrics>()
            .AddSingleton(CannotSignException.Rule)
            .AddScoped<RotateSigningKeys>()
            .AddSingleton(new PreparationStep((provider, cancellationToken) =>
                provider.GetRequiredService<KeyRing>().OpenAsync(provider.GetRequiredService<IdentityDb>(), cancellationToken)))
            .AddHostedService<KeyRotation>(),
        MapEndpoints = app => HoldKeys.Map(app.MapInternal()),
        MapEntities = model => model.ApplyConfiguration(new RingKeyMapping()).ApplyConfiguration(new VerifierMapping()),
        Settings = [typeof(MasterKeyOptions), typeof(KeyOptions)],
    };

    extension(IdentityDb db)
    {
        public DbSet<RingKey> RingKeys => db.Set<RingKey>();

        public DbSet<Verifier> Verifiers => db.Set<Verifier>();
    }
}
