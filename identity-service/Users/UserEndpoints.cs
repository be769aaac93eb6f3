using AuthMesh.Access;

namespace AuthMesh.Identity.Users;

internal static class UserEndpoints
{
    public static void MapUsers(this IEndpointRouteBuilder app)
    {
        var users = app.MapNeverStored().MapGroup("/users").RequireAuthorization(Policies.Admin);
        ListUsers.Map(users);
        ShowUser.Map(users);
        ChangeUser.Map(users);
        DeleteUser.Map(users);
        SignOutUser.Map(users);
    }
}
