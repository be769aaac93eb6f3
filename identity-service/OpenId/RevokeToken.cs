using AuthMesh.Errors;
using AuthMesh.Identity.Keys;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using AuthMesh.Tokens;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace AuthMesh.Identity.OpenId;

/// <summary>
/// Ends the session behind a token (RFC 7009), and so all of its tokens, within a second everywhere. It touches only tokens of the client
/// that asks. The answer to any other text is the same, and tells nothing (§2.2).
/// </summary>
internal static class RevokeToken
{
    public static void Map(IEndpointRouteBuilder app) => app.MapPost("/revoke", HandleAsync).AllowAnonymous()
        .ProducesFailure(OAuthError.InvalidClient);

    private static async Task<Results<Ok, Failure>> HandleAsync(
        HttpContext context, ClientAuthentication authentication, KeyRing ring, AccessTokenReader reader, IdentityDb db, Primary database,
        SecurityEvents events, CancellationToken cancellationToken)
    {
        var (parameters, refusal) = await ProtocolParameters.ReadFormAsync(context.Request);
        if (parameters is null)
        {
            return refusal!;
        }

        (var client, refusal) = await authentication.RunAsync(parameters, context.Request, cancellationToken);
        if (client is null)
        {
            return refusal!;
        }

        if (parameters[PresentedToken.Parameter] is not { } text)
        {
            return CommonFailures.InvalidRequest("token is required");
        }

        if (await PresentedToken.ReadAsync(text, ring, reader) is { SessionId: var sessionId })
        {
            // The trigger session_ended notifies every verifier.
            var isEnded = await db.Database.ExecuteSqlAsync(
                $"UPDATE sessions SET ended_at = now() WHERE id = {sessionId} AND application_id = {client.Id} AND ended_at IS NULL",
                cancellationToken) > 0;
            if (isEnded)
            {
                events.Write(SecurityEvent.SessionEnded(null, sessionId, "revoked by its application"), context);
            }
            else
            {
                await database.ConfirmReadsAsync(cancellationToken); // an earlier call may have ended it on one host only
            }
        }

        return TypedResults.Ok();
    }
}
