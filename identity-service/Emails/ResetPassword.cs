using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using AuthMesh.Errors;
using AuthMesh.Identity.Mail;
using AuthMesh.Identity.Passkeys;
using AuthMesh.Identity.Passwords;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.SecondFactor;
using AuthMesh.Identity.Throttling;
using AuthMesh.Identity.Users;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace AuthMesh.Identity.Emails;

public sealed record ResetPasswordRequest(
    [property: Required][property: JsonConverter(typeof(AnyTextConverter))] string? Token = null,
    [property: Required][property: JsonPropertyName("new_password")] string? NewPassword = null,
    [property: JsonPropertyName("remove_passkeys")] IReadOnlyList<Guid>? RemovePasskeys = null);

public sealed record ResetPasswordResponse(string Status, string Message, string Username);

/// <summary>
/// Sets a password with the link of a reset or an invitation. All sessions of the account end: the trigger <c>user_epoch_raised</c>
/// notifies every verifier. A second factor stays demanded, and nobody is signed in: the mailbox alone must not open the account.
/// </summary>
internal sealed class ResetPassword(
    IdentityDb db, AccountProofs proofs, ProvedAddresses provedAddresses, PasswordRules rules, HashingLane lane, PasswordHashing passwords,
    CallerAddress callerAddress, DeviceCookies deviceCookies, Outbox outbox, SecurityEvents events)
{
    private const string Reset =
        $"""
        WITH p AS (
            DELETE FROM account_proofs p USING users u WHERE p.token_hash = @hash AND {AccountProofs.Counts} RETURNING p.user_id)
        UPDATE users u SET password_hash = @new, epoch = u.epoch + 1, factors_epoch = u.factors_epoch + 1
        FROM p WHERE u.id = p.user_id
        RETURNING u.epoch AS "Value"
        """;

    // The reader of a mailed invitation owns the address. If another account has proved it meanwhile, this account opens without one.
    private const string ProveInvited =
        """
        UPDATE users u SET email = @typed, normalized_email = @address, email_verified_at = now(), requested_email = NULL
        WHERE id = @user AND requested_email = @typed
            AND NOT EXISTS (SELECT FROM users WHERE normalized_email = @address AND id <> @user)
        """;

    public static void Map(IEndpointRouteBuilder group) => group.MapPost(
        "/reset", (ResetPasswordRequest request, HttpContext context, ResetPassword resetPassword, CancellationToken cancellationToken) =>
            resetPassword.RunAsync(request, context, cancellationToken)).AllowAnonymous()
        .ProducesFailure(ProofToken.InvalidOrExpired, RemovePasskey.LastWayIn);

    public async Task<Results<Ok<ResetPasswordResponse>, Failure>> RunAsync(
        ResetPasswordRequest request, HttpContext context, CancellationToken cancellationToken)
    {
        // 1. Look the proof up: junk costs no hash.
        if (await proofs.FindAsync(request.Token, cancellationToken, ProofPurpose.PasswordReset, ProofPurpose.Invitation)
            is not { } proof)
        {
            return ProofToken.InvalidOrExpired;
        }

        if (FindFault(request, proof) is { } fault)
        {
            return fault;
        }

        // 2. Hash. A full lane does not consume the proof.
        var device = deviceCookies.Find(context.Request) is { } known && known.UserId == proof.UserId ? known : null;
        using var place = await lane.EnterAsync(
            new Applicant(callerAddress.NetworkOf(context), proof.UserId.ToString(), IsKnownDevice: device is not null), cancellationToken);
        if (place is null || await passwords.HashAsync(place, request.NewPassword!) is not { } newHash)
        {
            return HashingLane.Full;
        }

        // 3. Use the proof. Of many calls with one proof, the first to get the lock wins.
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        var invited = proof is { Purpose: nameof(ProofPurpose.Invitation), Address: { } text } ? EmailAddress.TryParse(text) : null;
        await (invited is null ? proofs.LockAsync(proof.UserId, cancellationToken)
            : provedAddresses.LockAsync(proof.UserId, invited, cancellationToken));
        if (await db.Database.SqlQueryRaw<int>(
            Reset, new NpgsqlParameter("hash", proof.TokenHash), new NpgsqlParameter("new", newHash)).ToListAsync(cancellationToken)
            is not [var epoch])
        {
            return ProofToken.InvalidOrExpired;
        }

        // 4. The account's other proofs are void now, and passkeys that the owner did not recognise go with them.
        await db.AccountProofs.Where(other => other.UserId == proof.UserId).ExecuteDeleteAsync(cancellationToken);
        await ProveTotp.UnblockAsync(db, proof.UserId, cancellationToken);
        await RemovePasskeysAsync(proof.UserId, request.RemovePasskeys ?? [], cancellationToken);
        if (request.RemovePasskeys is { Count: > 0 } && await IsLockedOutAsync(proof.UserId, cancellationToken))
        {
            return RemovePasskey.LastWayIn; // rolls back, and the proof stays
        }

        var renamed = invited is null ? null : await ProveAsync(proof.UserId, invited, cancellationToken);
        if (invited is null)
        {
            await outbox.NotifyAsync(proof.UserId, MailKind.PasswordChanged, new Dictionary<string, string>(), cancellationToken);
        }

        await transaction.CommitAsync(cancellationToken);
        events.Write(SecurityEvent.PasswordReset(proof.UserId, proof.Purpose), context);
        if (renamed is { } userId)
        {
            events.Write(SecurityEvent.UsernameReplaced(userId), context);
        }

        deviceCookies.Set(context.Response, proof.UserId, epoch, device);
        return TypedResults.Ok(new ResetPasswordResponse("success", "Password set. Sign in with it", proof.Username));
    }

    private async Task<bool> IsLockedOutAsync(Guid userId, CancellationToken cancellationToken) =>
        await EnabledFactors.FindAsync(db, userId, cancellationToken) is { Totp: false, RecoveryCodes: 0, Passkeys: 0 }
        && await db.Users.AnyAsync(user => user.Id == userId && user.TwoStep, cancellationToken);

    private async Task RemovePasskeysAsync(Guid userId, IReadOnlyList<Guid> ids, CancellationToken cancellationToken)
    {
        var removed = await db.Passkeys.Where(passkey => passkey.UserId == userId && ids.Contains(passkey.Id))
            .ExecuteDeleteAsync(cancellationToken);
        if (removed > 0)
        {
            await outbox.NotifyAsync(
                userId, MailKind.SignInMethodRemoved, new Dictionary<string, string> { ["method"] = "passkey" }, cancellationToken);
        }
    }

    /// <returns>The account that lost its name, or null.</returns>
    private async Task<Guid?> ProveAsync(Guid userId, EmailAddress address, CancellationToken cancellationToken) =>
        await db.Database.ExecuteSqlRawAsync(
            ProveInvited,
            [
                new NpgsqlParameter("user", userId), new NpgsqlParameter("typed", address.Value),
                new NpgsqlParameter("address", address.Normalized),
            ],
            cancellationToken) == 1
            ? await provedAddresses.ClearAsync(userId, address, cancellationToken) : null;

    private Failure? FindFault(ResetPasswordRequest request, LiveProof proof)
    {
        var fault = string.IsNullOrEmpty(request.NewPassword) ? "is required"
            : rules.FindFault(request.NewPassword, proof.Username, proof.Email ?? proof.Address);
        return fault is null ? null : CommonFailures.InvalidRequest(new Dictionary<string, string[]> { ["new_password"] = [fault] });
    }
}
