using AuthMesh.Errors;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using AuthMesh.Requests;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace AuthMesh.Identity.OpenId;

/// <summary>
/// Takes back what the caller let an application do: the consent, the codes that wait, and the application's sessions for the caller. The
/// trigger <c>session_ended</c> notifies every verifier. A code that the application redeems at this moment also waits for the user's lock.
/// </summary>
internal sealed class WithdrawApplication(IdentityDb db, SecurityEvents events)
{
    private static readonly Failure NotFound = new(
        StatusCodes.Status404NotFound, "application_not_found", "No such application may act for you");

    // Sessions that are dead for another reason end, too: one whose application is disabled might come to life again.
    private const string Withdraw =
        $"""
        {Caller.With},
        forgotten AS (DELETE FROM consents c USING caller u WHERE c.user_id = u.id AND c.application_id = @id RETURNING 1),
        codes AS (DELETE FROM authorization_codes c USING caller u
            WHERE c.user_id = u.id AND c.application_id = @id AND c.spent_at IS NULL),
        devices AS (DELETE FROM device_authorizations d USING caller u WHERE d.user_id = u.id AND d.application_id = @id),
        ended AS (
            UPDATE sessions s SET ended_at = now() FROM caller u
            WHERE s.user_id = u.id AND s.application_id = @id AND s.kind = '{SessionKind.Application}' AND s.ended_at IS NULL RETURNING 1)
        SELECT (SELECT count(*) FROM caller) = 1 AS "IsCallerLive",
            (SELECT count(*) FROM forgotten) + (SELECT count(*) FROM ended) > 0 AS "HasChanged"
        """;

    public static void Map(IEndpointRouteBuilder group) => group.MapDelete(
        "/{id}", (string id, HttpContext context, WithdrawApplication withdraw, CancellationToken cancellationToken) =>
            withdraw.RunAsync(id, context, cancellationToken))
        .ProducesFailure(NotFound);

    public async Task<Results<Ok<MessageResponse>, Failure>> RunAsync(string id, HttpContext context, CancellationToken cancellationToken)
    {
        var caller = Caller.Of(context.User);
        var applicationId = RequestText.TryReadId(id, out var parsed) ? parsed : Guid.Empty; // no application has this id
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        await UserLock.TakeAsync(db, caller.UserId, cancellationToken);
        var outcome = (await db.Database.SqlQueryRaw<Outcome>(Withdraw, [.. caller.Parameters, new NpgsqlParameter("id", applicationId)])
            .ToListAsync(cancellationToken))[0];
        await transaction.CommitAsync(cancellationToken); // waits for a second host even if an earlier call has changed everything already
        if (!outcome.IsCallerLive)
        {
            return CommonFailures.InvalidToken();
        }

        if (!outcome.HasChanged)
        {
            return NotFound;
        }

        events.Write(SecurityEvent.ConsentWithdrawn(caller.UserId, caller.SessionId, applicationId), context);
        return TypedResults.Ok(new MessageResponse("success", "The application may no longer act for you"));
    }

    private sealed record Outcome(bool IsCallerLive, bool HasChanged);
}
