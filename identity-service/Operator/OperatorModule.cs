using AuthMesh.Identity.Platform;

namespace AuthMesh.Identity.Operator;

internal static class OperatorModule
{
    public static readonly Module Instance = new("Operator")
    {
        AddServices = services => services
            .AddScoped<DemoUsers>()
            .AddScoped<FirstAdmin>()
            .AddSingleton(
                new PreparationStep((provider, cancellationToken) => provider.GetRequiredService<DemoUsers>().RunAsync(cancellationToken)))
            .AddSingleton(
                new PreparationStep(
                    (provider, cancellationToken) => provider.GetRequiredService<FirstAdmin>().RunAsync(cancellationToken))),
        Settings = [typeof(DemoUserOptions), typeof(FirstAdminOptions)],
    };
}
