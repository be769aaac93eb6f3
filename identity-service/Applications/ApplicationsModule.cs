using AuthMesh.Access;
using AuthMesh.Identity.Admin;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Sessions;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace AuthMesh.Identity.Applications;

internal static class ApplicationsModule
{
    public static readonly Module Instance = new("Applications")
    {
        AddServices = services => services
            .AddScoped<LockApplication>().AddScoped<StoreApplication>().AddScoped<ApplyDeclarations>().AddScoped<DemoApplication>()
            .AddSingleton(provider => new LogoutNetworks(
                provider.GetRequiredService<IOptions<BackchannelLogoutOptions>>().Value,
                provider.GetRequiredService<IHostEnvironment>().IsDevelopment()))
            .AddSingleton(
                new PreparationStep(
                    (provider, cancellationToken) => provider.GetRequiredService<ApplyDeclarations>().RunAsync(cancellationToken)))
            .AddSingleton(
                new PreparationStep(
                    (provider, cancellationToken) => provider.GetRequiredService<DemoApplication>().RunAsync(cancellationToken))),
        MapEndpoints = MapEndpoints,
        MapEntities = model =>
        {
            model.ApplyConfiguration<Application>(new ApplicationMapping()).ApplyConfiguration<ApplicationSecret>(new ApplicationMapping());
            model.Entity<Session>().HasOne<Application>().WithMany().HasForeignKey(s => s.ApplicationId).OnDelete(DeleteBehavior.Cascade);
        },
        Settings = [typeof(ApplicationOptions), typeof(BackchannelLogoutOptions)],
    };

    private static void MapEndpoints(IEndpointRouteBuilder app)
    {
        var applications = app.MapNoStore().MapForSignIns("/applications").RequireAuthorization(Policies.Admin);
        ListApplications.Map(applications);

        var changes = applications.MapGroup("").RequireRecentSignIn(AdminCaller.LongestAge);
        CreateApplication.Map(changes);
        ChangeApplication.Map(changes);
        DeleteApplication.Map(changes);
        AddSecret.Map(changes);
        RemoveSecret.Map(changes);
    }
}
