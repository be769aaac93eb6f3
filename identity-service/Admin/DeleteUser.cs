using AuthMesh.Errors;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace AuthMesh.Identity.Admin;

/// <summary>
/// Deletes a user and all their sessions. Afterwards the username is free; the id is never reused. The trigger <c>user_deleted</c>
/// notifies every verifier.
/// </summary>
internal static class DeleteUser
{
    private const string Delete = $"{AdminCaller.WithRecentProof} DELETE FROM users u USING admin WHERE u.id = @id";

    public static void Map(IEndpointRouteBuilder users) => users.MapDelete("/{id}", HandleAsync)
        .ProducesFailure(AdminCaller.NotFound, LockUsers.LastAdmin);

    private static async Task<Results<Ok<MessageResponse>, Failure>> HandleAsync(
        string id, HttpContext context, IdentityDb db, LockUsers lockUsers, SessionCookies cookies,
        SecurityEvents events, CancellationToken cancellationToken)
    {
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        var (users, refusal) = await lockUsers.ForSignInAsync(context.User, id, cancellationToken);
        if (users is null)
        {
            return refusal!;
        }

        var (caller, target) = (Caller.Of(context.User), users.Target);
        if (users.IsLastAdmin)
        {
            events.Write(SecurityEvent.LastAdminKept(caller.UserId, target.Id), context);
            return LockUsers.LastAdmin;
        }

        if (await db.Database.ExecuteSqlRawAsync(
            Delete, [.. caller.Parameters, new NpgsqlParameter("id", target.Id)], cancellationToken) == 0)
        {
            return await AdminCaller.FindFaultAsync(db, context.User, isChange: true, cancellationToken) ?? AdminCaller.NotFound;
        }

        await transaction.CommitAsync(cancellationToken);
        events.Write(SecurityEvent.UserDeleted(caller.UserId, target.Id), context);
        if (target.Id == caller.UserId)
        {
            cookies.Clear(context.Response);
        }

        return TypedResults.Ok(new MessageResponse("success", $"User {target.Username} deleted"));
    }
}
