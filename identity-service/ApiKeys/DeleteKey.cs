using AuthMesh.Errors;
using AuthMesh.Identity.Mail;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using AuthMesh.Requests;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace AuthMesh.Identity.ApiKeys;

/// <summary>Ends a key of the caller. The trigger <c>session_ended</c> notifies every verifier.</summary>
internal sealed class DeleteKey(IdentityDb db, Outbox outbox, SecurityEvents events)
{
    public static readonly Failure NotFound = new(
        StatusCodes.Status404NotFound, "key_not_found", "There is no such key, or it has ended already");

    private const string End =
        $"""
        {Caller.With},
        ended AS (UPDATE sessions s SET ended_at = now() FROM caller u WHERE s.id = @id AND {LiveSession.IsLiveKey} RETURNING s.id)
        SELECT (SELECT count(*) FROM caller) = 1 AS "IsCallerLive", (SELECT count(*) FROM ended) = 1 AS "HasEnded"
        """;

    public static void Map(IEndpointRouteBuilder group) => group.MapDelete(
        "/{id}", (string id, HttpContext context, DeleteKey delete, CancellationToken cancellationToken) =>
            delete.RunAsync(id, context, cancellationToken))
        .ProducesFailure(NotFound);

    public async Task<Results<Ok<MessageResponse>, Failure>> RunAsync(string id, HttpContext context, CancellationToken cancellationToken)
    {
        var caller = Caller.Of(context.User);
        var keyId = RequestText.TryReadId(id, out var parsed) ? parsed : Guid.Empty; // no key has this id
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        await UserLock.TakeAsync(db, caller.UserId, cancellationToken); // before the session, as in every statement; the mail needs it too
        var outcome = await db.Database.SqlQueryRaw<Outcome>(End, [.. caller.Parameters, new NpgsqlParameter("id", keyId)])
            .ToListAsync(cancellationToken);
        if (outcome is not [{ IsCallerLive: true, HasEnded: var hasEnded }])
        {
            return CommonFailures.InvalidToken();
        }

        if (!hasEnded)
        {
            await transaction.CommitAsync(cancellationToken); // with the lock, it waits for what an earlier call ended on one host only
            return NotFound;
        }

        await outbox.NotifyAsync(
            caller.UserId, MailKind.SignInMethodRemoved, new Dictionary<string, string> { ["method"] = "key" }, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        events.Write(SecurityEvent.KeyDeleted(caller.UserId, caller.SessionId, keyId), context);
        return TypedResults.Ok(new MessageResponse("success", "Key deleted"));
    }

    private sealed record Outcome(bool IsCallerLive, bool HasEnded);
}
