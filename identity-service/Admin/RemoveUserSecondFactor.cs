using AuthMesh.Errors;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.SecondFactor;
using AuthMesh.Identity.Sessions;
using Microsoft.AspNetCore.Http.HttpResults;

namespace AuthMesh.Identity.Admin;

/// <summary>
/// Removes the second factor of a user who lost it, and tells the user. Sessions go on; a sign-in in progress fails. The admin verifies
/// by other means that the user asks for it.
/// </summary>
internal sealed class RemoveUserSecondFactor(
    IdentityDb db, LockUsers lockUsers, RemoveSecondFactor removeSecondFactor, SecurityEvents events)
{
    public static void Map(IEndpointRouteBuilder users) => users.MapDelete(
        "/{id}/second-factor",
        (string id, HttpContext context, RemoveUserSecondFactor remove, CancellationToken cancellationToken) =>
            remove.RunAsync(id, context, cancellationToken))
        .ProducesFailure(AdminCaller.NotFound);

    public async Task<Results<Ok<MessageResponse>, Failure>> RunAsync(
        string id, HttpContext context, CancellationToken cancellationToken)
    {
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        var (users, refusal) = await lockUsers.ForSignInAsync(context.User, id, cancellationToken);
        if (users is null)
        {
            return refusal!;
        }

        await removeSecondFactor.RunAsync(users.Target.Id, cancellationToken);

        // The wait for the lock may have taken time: check again that the caller's session is live.
        if (await AdminCaller.FindFaultAsync(db, context.User, isChange: true, cancellationToken) is { } fault)
        {
            return fault;
        }

        await transaction.CommitAsync(cancellationToken);
        events.Write(SecurityEvent.SecondFactorRemoved(Caller.Of(context.User).UserId, users.Target.Id), context);
        return TypedResults.Ok(new MessageResponse("success", $"{users.Target.Username} signs in without a second factor"));
    }
}
