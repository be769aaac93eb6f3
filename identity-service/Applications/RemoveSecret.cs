using AuthMesh.Errors;
using AuthMesh.Identity.Admin;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using AuthMesh.Requests;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace AuthMesh.Identity.Applications;

/// <summary>
/// Removes a secret. With <c>?leaked=true</c>, the application's tokens end within a second, too: somebody else may have got some with it.
/// </summary>
internal static class RemoveSecret
{
    private static readonly Failure NotFound = new(
        StatusCodes.Status404NotFound, "secret_not_found", "The application has no such secret");

    public static void Map(IEndpointRouteBuilder applications) => applications.MapDelete("/{id}/secrets/{secretId}", HandleAsync)
        .ProducesFailure(AdminCaller.TwoFactorsDemanded, LockApplication.NotFound, LockApplication.Declared, NotFound);

    private static async Task<Results<Ok<MessageResponse>, Failure>> HandleAsync(
        string id, string secretId, HttpContext context, IdentityDb db, LockApplication lockApplication, StoreApplication store,
        SecurityEvents events, CancellationToken cancellationToken)
    {
        if (!TryReadLeaked(context.Request.Query, out var isLeaked))
        {
            return CommonFailures.InvalidRequest(new Dictionary<string, string[]> { ["leaked"] = ["must be true or false"] });
        }

        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        var (application, refusal) = await lockApplication.RunAsync(context.User, id, cancellationToken);
        if (application is null)
        {
            return refusal!;
        }

        var parsed = RequestText.TryReadId(secretId, out var known) ? known : Guid.Empty; // no secret has this id
        var isRemoved = await db.Database.ExecuteSqlRawAsync(
            "DELETE FROM application_secrets WHERE id = @id AND application_id = @application",
            [new NpgsqlParameter("id", parsed), new NpgsqlParameter("application", application.Id)], cancellationToken) > 0;
        if (isLeaked) // also if an admin removed the secret earlier and did not say that it leaked
        {
            await store.EndTokensAsync(application.Id, cancellationToken);
        }

        await transaction.CommitAsync(cancellationToken); // with the lock, it waits for what an earlier call removed on one host only
        var adminId = Caller.Of(context.User).UserId;
        if (isLeaked)
        {
            events.Write(SecurityEvent.ApplicationSecretLeaked(adminId, application.Id, parsed), context);
        }
        else if (isRemoved)
        {
            events.Write(SecurityEvent.ApplicationSecretRemoved(adminId, application.Id, parsed), context);
        }

        return isRemoved ? TypedResults.Ok(new MessageResponse("success", "Secret removed")) : NotFound;
    }

    private static bool TryReadLeaked(IQueryCollection query, out bool isLeaked)
    {
        isLeaked = query["leaked"] == "true";
        return query.Keys.All(key => key == "leaked") && (query.Count == 0 || query["leaked"] is ["true" or "false"]);
    }
}
