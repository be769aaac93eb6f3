using System.Security.Claims;
using AuthMesh.Errors;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Requests;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace AuthMesh.Identity.Sessions;

/// <summary>Ends one session of the caller. The trigger <c>session_ended</c> notifies every verifier.</summary>
internal sealed class EndSession(IdentityDb db, SessionCookies cookies, SecurityEvents events)
{
    private static readonly Failure SessionNotFound = new(
        StatusCodes.Status404NotFound, "session_not_found", "You have no such session, or it has ended already");

    private const string End =
        $"""
        {Caller.With},
        ended AS (
            UPDATE sessions s SET ended_at = now() FROM caller u WHERE s.id = @id AND {LiveSession.IsLiveSignIn} RETURNING s.id),
        {EndChildren.With}
        SELECT (SELECT count(*) FROM caller) = 1 AS "IsCallerLive", (SELECT count(*) FROM ended) = 1 AS "HasEnded"
        """;

    public static void Map(IEndpointRouteBuilder group) => group.MapDelete(
        "/{id}", (string id, HttpContext context, EndSession endSession, CancellationToken cancellationToken) =>
            endSession.RunAsync(id, context, cancellationToken))
        .ProducesFailure(SessionNotFound);

    public async Task<Results<Ok<MessageResponse>, Failure>> RunAsync(string id, HttpContext context, CancellationToken cancellationToken)
    {
        var caller = Caller.Of(context.User);
        var sessionId = RequestText.TryReadId(id, out var parsed) ? parsed : Guid.Empty; // no session has this id
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        await UserLock.TakeAsync(db, caller.UserId, cancellationToken);
        var outcome = (await db.Database.SqlQueryRaw<Outcome>(End, [.. caller.Parameters, new NpgsqlParameter("id", sessionId)])
            .ToListAsync(cancellationToken))[0];
        await transaction.CommitAsync(cancellationToken); // waits for a second host even if an earlier call has ended it already
        if (!outcome.IsCallerLive)
        {
            return CommonFailures.InvalidToken();
        }

        if (!outcome.HasEnded)
        {
            return SessionNotFound;
        }

        if (sessionId == caller.SessionId)
        {
            cookies.Clear(context.Response);
        }

        events.Write(SecurityEvent.SessionEnded(caller.UserId, sessionId, "ended by its user"), context);
        return TypedResults.Ok(new MessageResponse("success", "Session ended"));
    }

    private sealed record Outcome(bool IsCallerLive, bool HasEnded);
}
