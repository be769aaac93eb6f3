using AuthMesh.Identity.Platform;

namespace AuthMesh.Identity.Tokens;

internal static class TokensModule
{
    public static readonly Module Instance = new("Tokens")
    {
        AddServices = services => services.AddSingleton<AccessTokens>(),
        MapEndpoints = Metadata.Map,
        Settings = [typeof(TokenOptions)],
    };
}
