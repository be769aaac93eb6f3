using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using AuthMesh.Errors;
using AuthMesh.Identity.Keys;
using AuthMesh.Identity.Mail;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace AuthMesh.Identity.SecondFactor;

public sealed record ConfirmTotpRequest([property: Required][property: JsonConverter(typeof(AnyTextConverter))] string? Code = null);

/// <param name="Status">"success".</param>
/// <param name="Message">For people.</param>
/// <param name="Token">An access token that says that two factors were proved.</param>
/// <param name="TokenType">"Bearer".</param>
/// <param name="ExpiresInSeconds">How long the token is good.</param>
/// <param name="RecoveryCodes">Shown once; left out unless the account demands a second factor only from now on.</param>
public sealed record ConfirmTotpResponse(
    string Status, string Message, string Token,
    [property: JsonPropertyName("token_type")] string TokenType,
    [property: JsonPropertyName("expires_in")] int ExpiresInSeconds,
    [property: JsonPropertyName("recovery_codes")][property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    IReadOnlyList<string>? RecoveryCodes);

/// <summary>Turns an authenticator app on, by its first code. From now on a password alone does not sign in.</summary>
internal sealed class ConfirmTotp(
    IdentityDb db, KeyRing ring, RecoveryCodes recoveryCodes, RecordProof recordProof, Outbox outbox, SecurityEvents events)
{
    private static readonly Failure
        NotBegun = new(StatusCodes.Status409Conflict, "totp_not_begun", "No authenticator app waits for its first code. Begin again"),
        WrongCode = new(
            StatusCodes.Status403Forbidden, "wrong_code",
            "The code does not fit the secret. Check that the time of your device is right, and enter the next code");

    private const string FindWaiting =
        $"""
        SELECT id AS "Id", key_id AS "KeyId", sealed AS "Sealed", {ProvedMethods.Now} AS "Seconds"
        FROM totp_secrets WHERE user_id = @user AND confirmed_at IS NULL
        """;

    private const string Confirm =
        "UPDATE totp_secrets SET confirmed_at = now(), last_step = @step, wrong_codes = 0 WHERE id = @id AND confirmed_at IS NULL";

    public static void Map(IEndpointRouteBuilder group) => group.MapPost(
        "/totp/confirm",
        (ConfirmTotpRequest request, HttpContext context, ConfirmTotp confirm, CancellationToken cancellationToken) =>
            confirm.RunAsync(request, context, cancellationToken))
        .ProducesFailure(WrongCode, NotBegun);

    public async Task<Results<Ok<ConfirmTotpResponse>, Failure>> RunAsync(
        ConfirmTotpRequest request, HttpContext context, CancellationToken cancellationToken)
    {
        if (request.Code is null)
        {
            return CommonFailures.InvalidRequest(new Dictionary<string, string[]> { ["code"] = ["is required"] });
        }

        // 1. Lock the account, so that it changes in one way at a time.
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        var (account, refusal) = await LockedAccount.LockAsync(db, context.User, cancellationToken);
        if (account is null)
        {
            return refusal!;
        }

        // 2. Check the first code. Guesses are not counted: the caller has just been shown the secret.
        if (await db.Database.SqlQueryRaw<Waiting>(FindWaiting, new NpgsqlParameter("user", account.Id)).ToListAsync(cancellationToken)
            is not [var waiting])
        {
            return NotBegun;
        }

        var secret = new SealedSecret(waiting.KeyId, waiting.Sealed).TryOpen(TotpSecret.Context(account.Id), ring);
        if (secret is null)
        {
            return NotBegun; // it waited so long that its key is gone, or somebody changed the row
        }

        if (Totp.FindStep(secret, request.Code, waiting.Seconds / Totp.StepSeconds) is not { } step)
        {
            return WrongCode;
        }

        // 3. Replace an earlier app: a unique index allows one.
        await db.TotpSecrets.Where(row => row.UserId == account.Id && row.ConfirmedAt != null).ExecuteDeleteAsync(cancellationToken);
        await db.Database.ExecuteSqlRawAsync(
            Confirm, [new NpgsqlParameter("id", waiting.Id), new NpgsqlParameter("step", step)], cancellationToken);
        var codes = account.TwoStep ? null : await recoveryCodes.ReplaceAsync(account.Id, cancellationToken);
        await account.RaiseAsync(db, twoStep: true, cancellationToken);
        await outbox.NotifyAsync(
            account.Id, MailKind.SignInMethodAdded, new Dictionary<string, string> { ["method"] = "totp" }, cancellationToken);

        // 4. The code is a proof too: the session goes on with two factors.
        var proof = await recordProof.RunAsync(context.User, ProvedMethods.Totp, account.FactorsEpoch + 1, cancellationToken);
        if (proof is null)
        {
            return CommonFailures.InvalidToken();
        }

        await transaction.CommitAsync(cancellationToken);
        events.Write(SecurityEvent.TotpEnabled(account.Id, proof.Session.Id), context);
        var token = recordProof.Answer(proof, context.Response);
        return TypedResults.Ok(new ConfirmTotpResponse(
            "success", "Your authenticator app is on", token.Value, "Bearer", (int)token.Lifetime.TotalSeconds, codes));
    }

    private sealed record Waiting(Guid Id, string KeyId, byte[] Sealed, long Seconds);
}
