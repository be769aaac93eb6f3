using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Sessions;

namespace AuthMesh.Identity.ApiKeys;

internal static class ApiKeysModule
{
    public static readonly Module Instance = new("ApiKeys")
    {
        AddServices = services => services.AddScoped<CreateKey>().AddScoped<ListKeys>().AddScoped<DeleteKey>().AddScoped<ReportKey>(),
        MapEndpoints = MapEndpoints,
        Settings = [typeof(ApiKeyOptions)],
    };

    private static void MapEndpoints(IEndpointRouteBuilder app)
    {
        ExchangeKey.Map(app.MapInternal());

        var group = app.MapNoStore();
        ReportKey.Map(group);
        ListKeys.Map(group.MapForScope("/account/keys", OwnEndpoints.AccountRead));

        // A key that could make or end keys would outlive its own end.
        var own = group.MapForSignIns("/account/keys");
        CreateKey.Map(own);
        DeleteKey.Map(own);
    }
}
