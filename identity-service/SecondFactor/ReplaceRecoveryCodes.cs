using System.Text.Json.Serialization;
using AuthMesh.Errors;
using AuthMesh.Identity.Mail;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace AuthMesh.Identity.SecondFactor;

/// <param name="Status">"success".</param>
/// <param name="Message">For people.</param>
/// <param name="RecoveryCodes">Shown once.</param>
public sealed record RecoveryCodesResponse(
    string Status, string Message, [property: JsonPropertyName("recovery_codes")] IReadOnlyList<string> RecoveryCodes);

/// <summary>Replaces the recovery codes of an account that demands a second factor.</summary>
internal sealed class ReplaceRecoveryCodes(IdentityDb db, RecoveryCodes recoveryCodes, Outbox outbox, SecurityEvents events)
{
    private static readonly Failure TwoStepOff = new(
        StatusCodes.Status409Conflict, "two_step_off", "Your account demands no second factor, so it needs no recovery codes");

    public static void Map(IEndpointRouteBuilder group) => group.MapPost(
        "/recovery-codes",
        (HttpContext context, ReplaceRecoveryCodes replace, CancellationToken cancellationToken) =>
            replace.RunAsync(context, cancellationToken))
        .ProducesFailure(TwoStepOff);

    public async Task<Results<Ok<RecoveryCodesResponse>, Failure>> RunAsync(HttpContext context, CancellationToken cancellationToken)
    {
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        var (account, refusal) = await LockedAccount.LockAsync(db, context.User, cancellationToken);
        if (account is null)
        {
            return refusal!;
        }

        if (!account.TwoStep)
        {
            return TwoStepOff;
        }

        var codes = await recoveryCodes.ReplaceAsync(account.Id, cancellationToken);
        await account.RaiseAsync(db, account.TwoStep, cancellationToken);
        await outbox.NotifyAsync(
            account.Id, MailKind.SignInMethodAdded, new Dictionary<string, string> { ["method"] = "recovery_codes" }, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        events.Write(SecurityEvent.RecoveryCodesReplaced(account.Id, Caller.Of(context.User).SessionId), context);
        return TypedResults.Ok(new RecoveryCodesResponse("success", "These replace your earlier recovery codes", codes));
    }
}
