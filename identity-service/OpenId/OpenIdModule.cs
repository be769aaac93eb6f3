using AuthMesh.Errors;
using AuthMesh.Identity.Platform;

namespace AuthMesh.Identity.OpenId;

internal static class OpenIdModule
{
    public static readonly Module Instance = new("OpenId")
    {
        AddServices = services => services.AddScoped<ClientCredentials>(),
        MapEntities = model => model
            .ApplyConfiguration(new AuthorizationCodeMapping())
            .ApplyConfiguration(new StoredRequestMapping())
            .ApplyConfiguration(new ConsentMapping())
            .ApplyConfiguration(new DeviceAuthorizationMapping())
            .ApplyConfiguration(new UsedAssertionMapping())
            .ApplyConfiguration(new LogoutDeliveryMapping()),
        MapEndpoints = app => TokenEndpoint.Map(app.MapNoStore().WithMetadata(OAuthErrors.Protocol)),
    };
}
