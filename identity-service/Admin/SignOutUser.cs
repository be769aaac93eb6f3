using AuthMesh.Errors;
using AuthMesh.Identity.Emails;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace AuthMesh.Identity.Admin;

public sealed record SignOutUserResponse(string Status, string Message, int Ended);

/// <summary>
/// Signs a user out everywhere. It raises the epoch, so keys end and a login in progress fails too. The trigger
/// <c>user_epoch_raised</c> notifies every verifier.
/// </summary>
internal static class SignOutUser
{
    private const string Raise =
        $"""
        {AdminCaller.WithRecentProof},
        live AS (SELECT count(*)::int AS sessions FROM users u, sessions s WHERE u.id = @id AND {LiveSession.IsLiveSignIn}),
        raised AS (UPDATE users u SET epoch = u.epoch + 1 FROM admin WHERE u.id = @id RETURNING u.id)
        SELECT live.sessions AS "Value" FROM live, raised
        """;

    public static void Map(IEndpointRouteBuilder users) => users.MapDelete("/{id}/sessions", HandleAsync)
        .ProducesFailure(AdminCaller.NotFound);

    private static async Task<Results<Ok<SignOutUserResponse>, Failure>> HandleAsync(
        string id, HttpContext context, IdentityDb db, LockUsers lockUsers, AccountProofs proofs, SessionCookies cookies,
        SecurityEvents events, CancellationToken cancellationToken)
    {
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        var (users, refusal) = await lockUsers.RunAsync(context.User, id, cancellationToken);
        if (users is null)
        {
            return refusal!;
        }

        var (caller, target) = (Caller.Of(context.User), users.Target);
        if (await db.Database.SqlQueryRaw<int>(Raise, [.. caller.Parameters, new NpgsqlParameter("id", target.Id)])
            .ToListAsync(cancellationToken) is not [var ended])
        {
            return await AdminCaller.FindFaultAsync(db, context.User, isChange: true, cancellationToken) ?? AdminCaller.NotFound;
        }

        await proofs.RevokeResetsAsync(target.Id, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        events.Write(SecurityEvent.SignedOutEverywhere(caller.UserId, target.Id, ended), context);
        if (target.Id == caller.UserId)
        {
            cookies.Clear(context.Response);
        }

        return TypedResults.Ok(new SignOutUserResponse(
            "success", ended == 1 ? $"Ended 1 session of {target.Username}" : $"Ended {ended} sessions of {target.Username}", ended));
    }
}
