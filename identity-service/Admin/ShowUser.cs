using System.Security.Claims;
using AuthMesh.Errors;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using Microsoft.AspNetCore.Http.HttpResults;

namespace AuthMesh.Identity.Admin;

internal static class ShowUser
{
    private const string Find =
        $"""
        {AdminCaller.With}
        SELECT {UserRow.Columns} FROM admin, users u {UserRow.Live} WHERE u.id = @id
        """;

    public static void Map(IEndpointRouteBuilder users) => users.MapGet("/{id}", HandleAsync)
        .ProducesFailure(AdminCaller.NotFound);

    private static async Task<Results<Ok<ShowUserResponse>, Failure>> HandleAsync(
        string id, ClaimsPrincipal user, IdentityDb db, CancellationToken cancellationToken)
    {
        var found = await UserRow.FindAsync(
            db, Find, cancellationToken, [.. Caller.Of(user).Parameters, new("id", AdminCaller.ParseId(id))]);
        return found is not null
            ? TypedResults.Ok(new ShowUserResponse("success", $"User {found.Username}", found))
            : await AdminCaller.FindFaultAsync(db, user, isChange: false, cancellationToken) ?? AdminCaller.NotFound;
    }
}
