using AuthMesh.Access;

namespace AuthMesh.Identity.Sessions;

internal static class SessionEndpoints
{
    public static void MapSessions(this IEndpointRouteBuilder app)
    {
        var group = app.MapNeverStored();
        Refresh.Map(group);
        Logout.Map(group);

        var own = group.MapGroup("/account/sessions").RequireAuthorization(Policies.SignedIn);
        ListSessions.Map(own);
        EndSession.Map(own);
        EndOtherSessions.Map(own);
    }
}
