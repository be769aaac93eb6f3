using AuthMesh.Identity.Platform.Database;

namespace AuthMesh.Identity.Platform;

internal static class PlatformModule
{
    public static readonly Module Instance = new("Platform")
    {
        AddServices = services => services
            .AddDatabase()
            .AddPreparation()
            .AddInternal()
            .AddSingleton<CallerAddress>()
            .AddSingleton<HostCookies>()
            .AddSingleton<SecurityEvents>(),
        Settings = [typeof(DatabaseOptions)],
    };
}
