using AuthMesh.Access;
using AuthMesh.Errors;
using AuthMesh.Identity.Mail;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.SecondFactor;
using AuthMesh.Identity.Sessions;
using AuthMesh.Requests;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace AuthMesh.Identity.Passkeys;

/// <summary>Removes a passkey of the caller's account, unless it is the last way in.</summary>
internal sealed class RemovePasskey(IdentityDb db, Outbox outbox, SecurityEvents events)
{
    public static readonly Failure
        NotFound = new(StatusCodes.Status404NotFound, "passkey_not_found", "You have no such passkey"),
        LastWayIn = new(
            StatusCodes.Status409Conflict, "last_sign_in_method", "Without this you could no longer sign in. Add another way first");

    public static void Map(IEndpointRouteBuilder group) =>
        group.MapDelete("/{id}", HandleAsync).RequireRecentSignIn(ProvedMethods.LongestAge)
        .ProducesFailure(NotFound, LastWayIn);

    /// <returns>The id in a path, or an id that no passkey has.</returns>
    public static Guid ParseId(string id) => RequestText.TryReadId(id, out var parsed) ? parsed : Guid.Empty;

    /// <returns>The refusal, or null if the passkey is gone.</returns>
    public async Task<Failure?> RunAsync(string id, HttpContext context, CancellationToken cancellationToken)
    {
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        var (account, refusal) = await LockedAccount.LockAsync(db, context.User, cancellationToken);
        if (account is null)
        {
            return refusal;
        }

        var passkeyId = ParseId(id);
        if (!await db.Passkeys.AnyAsync(passkey => passkey.Id == passkeyId && passkey.UserId == account.Id, cancellationToken))
        {
            await transaction.CommitAsync(cancellationToken); // locked the account: waits for what an earlier call removed on one host only
            return NotFound;
        }

        var others = account.Factors.Passkeys - 1;
        if (others == 0 && !account.HasPassword)
        {
            return LastWayIn;
        }

        // The last second factor takes the demand for one with it.
        var isStillDemanded = account.TwoStep && (others > 0 || account.Factors.Totp);
        if (!isStillDemanded)
        {
            await RecoveryCodes.RemoveAsync(db, account.Id, cancellationToken);
        }

        await db.Passkeys.Where(passkey => passkey.Id == passkeyId).ExecuteDeleteAsync(cancellationToken);
        await account.RaiseAsync(db, isStillDemanded, cancellationToken);
        await outbox.NotifyAsync(
            account.Id, MailKind.SignInMethodRemoved, new Dictionary<string, string> { ["method"] = "passkey" },
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
