using AuthMesh.Access;
using AuthMesh.Errors;
using AuthMesh.Identity.Mail;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using AuthMesh.Requests;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace AuthMesh.Identity.Passkeys;

/// <summary>Removes a passkey of the caller's account, unless it is the last way in.</summary>
internal sealed class RemovePasskey(IdentityDb db, Outbox outbox, SecurityEvents events)
{
    public static readonly Failure
        NotFound = new(StatusCodes.Status404NotFound, "passkey_not_found", "You have no such passkey"),
        LastWayIn = new(
            StatusCodes.Status409Conflict, "last_sign_in_method", "Without this you could no longer sign in. Add another way first");

    // Runs under the lock of the user's row, so that two removals at once do not each count on the other's passkey. The last second factor
    // takes the demand for one with it.
    private const string Remove =
        """
        WITH removed AS (
            DELETE FROM passkeys p USING users u
            WHERE p.id = @id AND p.user_id = @user AND u.id = p.user_id
                AND (u.password_hash IS NOT NULL OR EXISTS (SELECT FROM passkeys other WHERE other.user_id = u.id AND other.id <> p.id))
            RETURNING p.user_id)
        UPDATE users u SET factors_epoch = u.factors_epoch + 1,
            two_step = u.two_step AND (
                EXISTS (SELECT FROM passkeys p WHERE p.user_id = u.id AND p.id <> @id)
                OR EXISTS (SELECT FROM totp_secrets t WHERE t.user_id = u.id AND t.confirmed_at IS NOT NULL))
        FROM removed WHERE u.id = removed.user_id
        """;

    public static void Map(IEndpointRouteBuilder group) =>
        group.MapDelete("/{id}", HandleAsync).RequireRecentSignIn(ProvedMethods.LongestAge);

    /// <returns>The id in a path, or an id that no passkey has.</returns>
    public static Guid ParseId(string id) => RequestText.TryReadId(id, out var parsed) ? parsed : Guid.Empty;

    /// <returns>The refusal, or null if the passkey is gone.</returns>
    public async Task<Failure?> RunAsync(string id, HttpContext context, CancellationToken cancellationToken)
    {
        var (account, refusal) = await OwnAccount.DemandRecentProofAsync(db, context.User, cancellationToken);
        if (account is null)
        {
            return refusal;
        }

        var passkeyId = ParseId(id);
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        if (!await OwnAccount.LockAsync(db, context.User, cancellationToken))
        {
            return OwnAccount.Changed;
        }

        var passkey = await db.Passkeys.AsNoTracking()
            .SingleOrDefaultAsync(passkey => passkey.Id == passkeyId && passkey.UserId == account.Id, cancellationToken);
        if (passkey is null)
        {
            return NotFound;
        }

        var removed = await db.Database.ExecuteSqlRawAsync(
            Remove, [new NpgsqlParameter("id", passkeyId), new NpgsqlParameter("user", account.Id)], cancellationToken);
        if (removed == 0)
        {
            return LastWayIn;
        }

        await outbox.NotifyAsync(
            account.Id, MailKind.SignInMethodRemoved, new Dictionary<string, string> { ["method"] = "passkey", ["name"] = passkey.Name },
            cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        events.Write(SecurityEvent.PasskeyRemoved(account.Id, Caller.Of(context.User).SessionId, passkeyId), context);
        return null;
    }

    private static async Task<Results<Ok<MessageResponse>, Failure>> HandleAsync(
        string id, HttpContext context, RemovePasskey remove, CancellationToken cancellationToken) =>
        await remove.RunAsync(id, context, cancellationToken) is { } refusal
            ? refusal : TypedResults.Ok(new MessageResponse("success", "Passkey removed"));
}
