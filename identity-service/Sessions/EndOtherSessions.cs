using AuthMesh.Errors;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using Microsoft.AspNetCore.Http.HttpResults;
using Npgsql;

namespace AuthMesh.Identity.Sessions;

public sealed record EndOtherSessionsResponse(string Status, string Message, int Ended);

/// <summary>Ends all other sessions of the caller. The trigger <c>session_ended</c> notifies every verifier.</summary>
internal sealed class EndOtherSessions(Primary database, SecurityEvents events)
{
    private const string EndOthers =
        $"""
        {Caller.With},
        u AS (SELECT users.*, caller.session_id FROM users, caller WHERE users.id = caller.id FOR NO KEY UPDATE OF users),
        ended AS (
            UPDATE sessions s SET ended_at = now() FROM u WHERE s.id <> u.session_id AND {LiveSession.IsLive} RETURNING s.id)
        SELECT (SELECT count(*) FROM caller) = 1 AS "IsCallerLive", (SELECT count(*) FROM ended)::int AS "Ended"
        """;

    public static void Map(IEndpointRouteBuilder group) => group.MapDelete(
        "", (HttpContext context, EndOtherSessions endOtherSessions, CancellationToken cancellationToken) =>
            endOtherSessions.RunAsync(context, cancellationToken));

    public async Task<Results<Ok<EndOtherSessionsResponse>, Failure>> RunAsync(HttpContext context, CancellationToken cancellationToken)
    {
        var caller = Caller.Of(context.User);
        var outcome = await EndedSessions.RunAsync(database, EndOthers, caller.Parameters, cancellationToken);
        if (!outcome.IsCallerLive)
        {
            return CommonFailures.InvalidToken();
        }

        events.Write(SecurityEvent.OtherSessionsEnded(caller.UserId, caller.SessionId, outcome.Ended), context);
        return TypedResults.Ok(new EndOtherSessionsResponse(
            "success", outcome.Ended == 1 ? "Ended 1 other session" : $"Ended {outcome.Ended} other sessions", outcome.Ended));
    }
}
