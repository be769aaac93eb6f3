using System.Security.Claims;
using AuthMesh.Errors;
using AuthMesh.Identity.Admin;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using Microsoft.AspNetCore.Http.HttpResults;

namespace AuthMesh.Identity.Applications;

public sealed record ApplicationsResponse(string Status, string Message, IReadOnlyList<ApplicationResponse> Applications);

/// <summary>Lists all applications. An installation has some dozens, so the list has no pages.</summary>
internal static class ListApplications
{
    public static void Map(IEndpointRouteBuilder applications) => applications.MapGet("", HandleAsync);

    private static async Task<Results<Ok<ApplicationsResponse>, Failure>> HandleAsync(
        ClaimsPrincipal user, IdentityDb db, CancellationToken cancellationToken)
    {
        var found = await ApplicationRows.ListAsync(db, Caller.Of(user), cancellationToken);
        if (found is [] && await AdminCaller.FindFaultAsync(db, user, isChange: false, cancellationToken) is { } fault)
        {
            return fault;
        }

        return TypedResults.Ok(new ApplicationsResponse(
            "success", found.Count == 1 ? "1 application" : $"{found.Count} applications", found));
    }
}
