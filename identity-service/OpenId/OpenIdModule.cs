using AuthMesh.Errors;
using AuthMesh.Identity.Platform;

namespace AuthMesh.Identity.OpenId;

internal static class OpenIdModule
{
    public static readonly Module Instance = new("OpenId")
    {
        AddServices = services => services.AddScoped<ClientCredentials>(),
        MapEndpoints = app => TokenEndpoint.Map(app.MapNoStore().WithMetadata(OAuthErrors.Protocol)),
    };
}
