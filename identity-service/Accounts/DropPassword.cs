using System.Text.Json.Serialization;
using AuthMesh.Access;
using AuthMesh.Errors;
using AuthMesh.Identity.Mail;
using AuthMesh.Identity.Passkeys;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.SecondFactor;
using AuthMesh.Identity.Sessions;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace AuthMesh.Identity.Accounts;

/// <param name="Status">"success".</param>
/// <param name="Message">For people.</param>
/// <param name="RecoveryCodes">Shown once; left out unless the account demands a second factor only from now on.</param>
public sealed record DropPasswordResponse(
    string Status, string Message,
    [property: JsonPropertyName("recovery_codes")][property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    IReadOnlyList<string>? RecoveryCodes);

/// <summary>
/// Removes the password of an account with a passkey. A password that it gets later, by a reset for example, needs a second factor: it must
/// not open what only a passkey opened before.
/// </summary>
internal sealed class DropPassword(IdentityDb db, RecoveryCodes recoveryCodes, Outbox outbox, SecurityEvents events)
{
    public static void Map(IEndpointRouteBuilder group) => group.MapDelete(
        "/password",
        (HttpContext context, DropPassword drop, CancellationToken cancellationToken) => drop.RunAsync(context, cancellationToken))
        .RequireRecentSignIn(ProvedMethods.LongestAge)
        .ProducesFailure(RemovePasskey.LastWayIn);

    public async Task<Results<Ok<DropPasswordResponse>, Failure>> RunAsync(HttpContext context, CancellationToken cancellationToken)
    {
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        var (account, refusal) = await LockedAccount.LockAsync(db, context.User, cancellationToken);
        if (account is null)
        {
            return refusal!;
        }

        if (account.Factors.Passkeys == 0)
        {
            return RemovePasskey.LastWayIn;
        }

        IReadOnlyList<string>? codes = null;
        if (account.HasPassword)
        {
            codes = account.TwoStep ? null : await recoveryCodes.ReplaceAsync(account.Id, cancellationToken);
            await db.Database.ExecuteSqlAsync($"UPDATE users SET password_hash = NULL WHERE id = {account.Id}", cancellationToken);
            await account.RaiseAsync(db, twoStep: true, cancellationToken);
            await outbox.NotifyAsync(
                account.Id, MailKind.SignInMethodRemoved, new Dictionary<string, string> { ["method"] = "password" }, cancellationToken);
        }

        // Also without a change: the answer may rely on an earlier call, whose commit this one's then follows.
        await transaction.CommitAsync(cancellationToken);
        if (account.HasPassword)
        {
            events.Write(SecurityEvent.PasswordRemoved(account.Id, Caller.Of(context.User).SessionId), context);
        }

        return TypedResults.Ok(new DropPasswordResponse("success", "Your account has no password: sign in with a passkey", codes));
    }
}
