using AuthMesh.Errors;
using AuthMesh.Identity.Admin;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace AuthMesh.Identity.Applications;

/// <summary>
/// Deletes an application with its secrets and sessions. The triggers <c>application_deleted</c> and <c>session_deleted</c> notify every
/// verifier.
/// </summary>
internal static class DeleteApplication
{
    public static void Map(IEndpointRouteBuilder applications) => applications.MapDelete("/{id}", HandleAsync)
        .ProducesFailure(AdminCaller.TwoFactorsDemanded, LockApplication.NotFound, LockApplication.Declared);

    private static async Task<Results<Ok<MessageResponse>, Failure>> HandleAsync(
        string id, HttpContext context, IdentityDb db, LockApplication lockApplication, SecurityEvents events,
        CancellationToken cancellationToken)
    {
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        var (application, refusal) = await lockApplication.RunAsync(context.User, id, cancellationToken);
        if (application is null)
        {
            await transaction.CommitAsync(cancellationToken); // with the lock, it waits for what an earlier call deleted on one host only
            return refusal!;
        }

        await db.Database.ExecuteSqlAsync($"DELETE FROM applications WHERE id = {application.Id}", cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        events.Write(SecurityEvent.ApplicationDeleted(Caller.Of(context.User).UserId, application.Id), context);
        return TypedResults.Ok(new MessageResponse("success", $"Application {application.ClientId} deleted"));
    }
}
