using AuthMesh.Identity.Platform;
using AuthMesh.Requests;

namespace AuthMesh.Identity.ApiReference;

internal static class ApiReferenceModule
{
    public static readonly Module Instance = new("ApiReference")
    {
        MapEndpoints = app =>
        {
            app.MapOpenApiFile("/openapi/identity.json", typeof(ApiReferenceModule).Assembly);
            ReferencePage.Map(app);
        },
        Settings = [typeof(ApiReferenceOptions)],
    };
}
