using AuthMesh.Access;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Sessions;

namespace AuthMesh.Identity.Admin;

internal static class AdminModule
{
    public static readonly Module Instance = new("Admin")
    {
        AddServices = services => services
            .AddScoped<LockUsers>().AddScoped<InviteUser>().AddScoped<ResetUserPassword>().AddScoped<RemoveUserSecondFactor>()
            .AddSingleton<AdminWarning>()
            .AddSingleton(new PreparationStep((provider, _) => provider.GetRequiredService<AdminWarning>().RunAsync())),
        MapEndpoints = MapEndpoints,
        Settings = [typeof(AdminOptions)],
    };

    private static void MapEndpoints(IEndpointRouteBuilder app)
    {
        var group = app.MapNoStore();
        var users = group.MapForAdminsOrScope("/users", OwnEndpoints.UsersRead);
        ListUsers.Map(users);
        ShowUser.Map(users);

        // A stolen token or an unlocked screen is not enough to change other users.
        var changes = group.MapForSignIns("/users").RequireAuthorization(Policies.Admin).RequireRecentSignIn(AdminCaller.LongestAge);
        InviteUser.Map(changes);
        ChangeUser.Map(changes);
        ResetUserPassword.Map(changes);
        DeleteUser.Map(changes);
        SignOutUser.Map(changes);
        RemoveUserSecondFactor.Map(changes);
    }
}
