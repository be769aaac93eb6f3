using AuthMesh.Errors;
using AuthMesh.Identity.Mail;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace AuthMesh.Identity.SecondFactor;

/// <summary>
/// Removes the authenticator app. Without a passkey, a password alone signs in again, and the recovery codes go.
/// </summary>
internal sealed class RemoveTotp(IdentityDb db, Outbox outbox, SecurityEvents events)
{
    private static readonly Failure NotEnabled = new(
        StatusCodes.Status404NotFound, "totp_not_found", "You have no authenticator app");

    public static void Map(IEndpointRouteBuilder group) => group.MapDelete(
        "/totp",
        (HttpContext context, RemoveTotp remove, CancellationToken cancellationToken) => remove.RunAsync(context, cancellationToken))
        .ProducesFailure(NotEnabled);

    public async Task<Results<Ok<MessageResponse>, Failure>> RunAsync(HttpContext context, CancellationToken cancellationToken)
    {
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        var (account, refusal) = await LockedAccount.LockAsync(db, context.User, cancellationToken);
        if (account is null)
        {
            return refusal!;
        }

        if (await db.TotpSecrets.Where(row => row.UserId == account.Id).ExecuteDeleteAsync(cancellationToken) == 0)
        {
            await transaction.CommitAsync(cancellationToken); // locked the account: waits for what an earlier call removed on one host only
            return NotEnabled;
        }

        // A secret that only waited took part in nothing.
        if (account.Factors.Totp)
        {
            // An account without a password keeps the demand, for the day when it gets one.
            var isStillDemanded = account.TwoStep && (account.Factors.Passkeys > 0 || !account.HasPassword);
            if (!isStillDemanded)
            {
                await RecoveryCodes.RemoveAsync(db, account.Id, cancellationToken);
            }

            await account.RaiseAsync(db, isStillDemanded, cancellationToken);
            await outbox.NotifyAsync(
                account.Id, MailKind.SignInMethodRemoved, new Dictionary<string, string> { ["method"] = "totp" }, cancellationToken);
        }

        await transaction.CommitAsync(cancellationToken);
        if (account.Factors.Totp)
        {
            events.Write(SecurityEvent.TotpDisabled(account.Id, Caller.Of(context.User).SessionId), context);
        }

        return TypedResults.Ok(new MessageResponse("success", "Authenticator app removed"));
    }
}
