using System.Security.Claims;
using AuthMesh.Errors;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Requests;
using Microsoft.AspNetCore.Http.HttpResults;
using Npgsql;

namespace AuthMesh.Identity.Sessions;

/// <summary>Ends one session of the caller. The trigger <c>session_ended</c> notifies every verifier.</summary>
internal sealed class EndSession(Primary database, SessionCookies cookies, SecurityEvents events)
{
    private static readonly Failure SessionNotFound = new(
        StatusCodes.Status404NotFound, "session_not_found", "You have no such session, or it has ended already");

    private const string End =
        $"""
        {Caller.With},
        ended AS (
            UPDATE sessions s SET ended_at = now() FROM caller u WHERE s.id = @id AND {LiveSession.IsLiveSignIn} RETURNING s.id)
        SELECT (SELECT count(*) FROM caller) = 1 AS "IsCallerLive", (SELECT count(*) FROM ended)::int AS "Ended", 0 AS "EndedKeys"
        """;

    public static void Map(IEndpointRouteBuilder group) => group.MapDelete(
        "/{id}", (string id, HttpContext context, EndSession endSession, CancellationToken cancellationToken) =>
            endSession.RunAsync(id, context, cancellationToken));

    public async Task<Results<Ok<MessageResponse>, Failure>> RunAsync(string id, HttpContext context, CancellationToken cancellationToken)
    {
        var caller = Caller.Of(context.User);
        var sessionId = RequestText.TryReadId(id, out var parsed) ? parsed : Guid.Empty; // no session has this id
        var outcome = await EndedSessions.RunAsync(database, End, [.. caller.Parameters, new("id", sessionId)], cancellationToken);
        if (!outcome.IsCallerLive)
        {
            return CommonFailures.InvalidToken();
        }

        if (outcome.Ended == 0)
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
}

/// <param name="IsCallerLive">Whether the caller could end anything.</param>
/// <param name="Ended">How many sign-ins ended.</param>
/// <param name="EndedKeys">How many keys ended.</param>
internal sealed record EndedSessions(bool IsCallerLive, int Ended, int EndedKeys)
{
    public static async Task<EndedSessions> RunAsync(
        Primary database, string sql, NpgsqlParameter[] parameters, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(sql);
        command.Parameters.AddRange(parameters);
        var ended = await command.ReadCommittedRowAsync(
            row => new EndedSessions(row.GetBoolean(0), row.GetInt32(1), row.GetInt32(2)), cancellationToken);
        if (ended is { Ended: 0, EndedKeys: 0 })
        {
            await database.ConfirmReadsAsync(cancellationToken); // an earlier call may have ended them on one host only
        }

        return ended!; // the statement always returns a row
    }
}
