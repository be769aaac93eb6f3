using System.Text.Json.Serialization;
using AuthMesh.Errors;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace AuthMesh.Identity.Sessions;

/// <param name="Status">"success".</param>
/// <param name="Message">For people.</param>
/// <param name="Ended">How many other sign-ins ended.</param>
/// <param name="EndedKeys">How many keys ended.</param>
public sealed record EndOtherSessionsResponse(
    string Status, string Message, int Ended, [property: JsonPropertyName("ended_keys")] int EndedKeys);

/// <summary>
/// Ends all other sessions of the caller, and all keys: an intruder may have made one. The trigger <c>session_ended</c> notifies every
/// verifier.
/// </summary>
internal sealed class EndOtherSessions(IdentityDb db, SecurityEvents events)
{
    private const string EndOthers =
        $"""
        {Caller.With},
        ended AS (
            UPDATE sessions s SET ended_at = now() FROM caller u WHERE s.id <> u.session_id AND {LiveSession.IsLive} RETURNING s.kind)
        SELECT (SELECT count(*) FROM caller) = 1 AS "IsCallerLive",
            (SELECT count(*) FROM ended WHERE kind = '{SessionKind.SignIn}')::int AS "Ended",
            (SELECT count(*) FROM ended WHERE kind = '{SessionKind.Key}')::int AS "EndedKeys"
        """;

    public static void Map(IEndpointRouteBuilder group) => group.MapDelete(
        "", (HttpContext context, EndOtherSessions endOtherSessions, CancellationToken cancellationToken) =>
            endOtherSessions.RunAsync(context, cancellationToken));

    public async Task<Results<Ok<EndOtherSessionsResponse>, Failure>> RunAsync(HttpContext context, CancellationToken cancellationToken)
    {
        var caller = Caller.Of(context.User);
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        await UserLock.TakeAsync(db, caller.UserId, cancellationToken); // a key that is created at this moment ends too, or is refused
        var outcome = (await db.Database.SqlQueryRaw<Outcome>(EndOthers, [.. caller.Parameters]).ToListAsync(cancellationToken))[0];
        await transaction.CommitAsync(cancellationToken); // waits for a second host even if an earlier call has ended them already
        if (!outcome.IsCallerLive)
        {
            return CommonFailures.InvalidToken();
        }

        events.Write(SecurityEvent.OtherSessionsEnded(caller.UserId, caller.SessionId, outcome.Ended + outcome.EndedKeys), context);
        var message = outcome.Ended == 1 ? "Ended 1 other session" : $"Ended {outcome.Ended} other sessions";
        return TypedResults.Ok(new EndOtherSessionsResponse(
            "success", outcome.EndedKeys switch { 0 => message, 1 => message + " and 1 key", var keys => $"{message} and {keys} keys" },
            outcome.Ended, outcome.EndedKeys));
    }

    private sealed record Outcome(bool IsCallerLive, int Ended, int EndedKeys);
}
