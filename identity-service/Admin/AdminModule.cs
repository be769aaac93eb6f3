using AuthMesh.Access;
using AuthMesh.Identity.Platform;

namespace AuthMesh.Identity.Admin;

internal static class AdminModule
{
    public static readonly Module Instance = new("Admin") { MapEndpoints = MapEndpoints };

    private static void MapEndpoints(IEndpointRouteBuilder app)
    {
        var users = app.MapNoStore().MapGroup("/users").RequireAuthorization(Policies.Admin);
        ListUsers.Map(users);
        ShowUser.Map(users);
        ChangeUser.Map(users);
        DeleteUser.Map(users);
        SignOutUser.Map(users);
    }
}
