using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using AuthMesh.Errors;
using AuthMesh.Identity.Mail;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace AuthMesh.Identity.SecondFactor;

public sealed record SetTwoStepRequest([property: Required] bool? Enabled = null);

/// <param name="Status">"success".</param>
/// <param name="Message">For people.</param>
/// <param name="RecoveryCodes">Shown once; left out unless the account demands a second factor only from now on.</param>
public sealed record SetTwoStepResponse(
    string Status, string Message,
    [property: JsonPropertyName("recovery_codes")][property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    IReadOnlyList<string>? RecoveryCodes);

/// <summary>
/// Decides whether the password of an account with a passkey needs a second factor. An authenticator app decides it by itself.
/// </summary>
internal sealed class SetTwoStep(IdentityDb db, RecoveryCodes recoveryCodes, Outbox outbox, SecurityEvents events)
{
    private static readonly Failure
        NoPasskey = new(
            StatusCodes.Status409Conflict, "no_passkey",
            "Add a passkey or an authenticator app to demand a second factor, and remove the app to demand none"),
        TotpDecides = new(
            StatusCodes.Status409Conflict, "totp_enabled", "Your authenticator app demands a second factor. Remove the app first"),
        NoPassword = new(
            StatusCodes.Status409Conflict, "no_password", "Your account has no password. Set one before you decide whether it is enough");

    public static void Map(IEndpointRouteBuilder group) => group.MapPost(
        "/two-step",
        (SetTwoStepRequest request, HttpContext context, SetTwoStep set, CancellationToken cancellationToken) =>
            set.RunAsync(request, context, cancellationToken))
        .ProducesFailure(NoPasskey, TotpDecides, NoPassword);

    public async Task<Results<Ok<SetTwoStepResponse>, Failure>> RunAsync(
        SetTwoStepRequest request, HttpContext context, CancellationToken cancellationToken)
    {
        if (request.Enabled is not { } isWanted)
        {
            return CommonFailures.InvalidRequest(new Dictionary<string, string[]> { ["enabled"] = ["is required"] });
        }

        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        var (account, refusal) = await LockedAccount.LockAsync(db, context.User, cancellationToken);
        if (account is null)
        {
            return refusal!;
        }

        if (account.Factors.Passkeys == 0)
        {
            return NoPasskey;
        }

        if (!account.HasPassword && !isWanted)
        {
            return NoPassword;
        }

        if (account.Factors.Totp && !isWanted)
        {
            return TotpDecides;
        }

        IReadOnlyList<string>? codes = null;
        if (isWanted != account.TwoStep)
        {
            if (isWanted)
            {
                codes = await recoveryCodes.ReplaceAsync(account.Id, cancellationToken);
            }
            else
            {
                await RecoveryCodes.RemoveAsync(db, account.Id, cancellationToken);
            }

            await account.RaiseAsync(db, isWanted, cancellationToken);
            await outbox.NotifyAsync(
                account.Id, isWanted ? MailKind.SignInMethodAdded : MailKind.SignInMethodRemoved,
                new Dictionary<string, string> { ["method"] = "two_step" }, cancellationToken);
        }

        // Also without a change: the answer may rely on an earlier call, whose commit this one's then follows.
        await transaction.CommitAsync(cancellationToken);
        if (isWanted != account.TwoStep)
        {
            events.Write(SecurityEvent.TwoStepChanged(account.Id, Caller.Of(context.User).SessionId, isWanted ? "on" : "off"), context);
        }

        return TypedResults.Ok(new SetTwoStepResponse(
            "success", isWanted ? "Your password needs a second factor" : "Your password is enough", codes));
    }
}
