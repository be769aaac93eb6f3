using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using AuthMesh.Errors;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using AuthMesh.Identity.SignIn;
using AuthMesh.Identity.Users;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using NpgsqlTypes;

namespace AuthMesh.Identity.Emails;

public sealed record VerifyEmailRequest(
    [property: Required][property: JsonConverter(typeof(AnyTextConverter))] string? Token = null,
    [property: JsonConverter(typeof(AnyTextConverter))] string? Password = null);

public sealed record VerifyEmailResponse(string Status, string Message, string Username, string Email);

/// <summary>
/// Proves an address. The link alone is not enough: the caller is also signed in to the account that it names, or gives that account's
/// password. Otherwise an attacker who registers with a victim's address would get it proved by the victim's click.
/// </summary>
internal sealed class VerifyEmail(
    IdentityDb db, AccountProofs proofs, ProvedAddresses provedAddresses, ProvePassword provePassword, SecurityEvents events)
{
    /// <summary>Only the mailbox's owner sees this: they hold the proof.</summary>
    private static readonly Failure EmailTaken = new(
        StatusCodes.Status409Conflict, "email_taken", "Another account has proved this address");

    private const string IsTaken = "SELECT FROM users WHERE normalized_email = lower(p.address COLLATE \"C\") AND id <> p.user_id";

    // If the caller's session has ended or the password has changed, the statement changes nothing and the transaction rolls back, so the
    // proof stays.
    private const string Verify =
        $"""
        WITH p AS (
            DELETE FROM account_proofs p USING users u
            WHERE p.token_hash = @hash AND p.purpose = '{nameof(ProofPurpose.VerifyEmail)}' AND {AccountProofs.Counts}
            RETURNING p.user_id, p.address)
        UPDATE users u SET email = p.address, normalized_email = lower(p.address COLLATE "C"), email_verified_at = now(),
            requested_email = NULL
        FROM p
        WHERE u.id = p.user_id AND NOT EXISTS ({IsTaken}) AND (u.password_hash = @verified OR EXISTS (
            SELECT FROM sessions s WHERE s.id = @caller_session AND s.epoch = @caller_epoch AND {LiveSession.IsLiveSignIn}))
        """;

    public static void Map(IEndpointRouteBuilder group) => group.MapPost(
        "/verify", (VerifyEmailRequest request, HttpContext context, VerifyEmail verifyEmail, CancellationToken cancellationToken) =>
            verifyEmail.RunAsync(request, context, cancellationToken)).AllowAnonymous()
        .ProducesFailure(ProofToken.InvalidOrExpired, ProvePassword.WrongPassword, EmailTaken);

    public async Task<Results<Ok<VerifyEmailResponse>, Failure>> RunAsync(
        VerifyEmailRequest request, HttpContext context, CancellationToken cancellationToken)
    {
        if (await proofs.FindAsync(request.Token, cancellationToken, ProofPurpose.VerifyEmail) is not { } proof)
        {
            return ProofToken.InvalidOrExpired;
        }

        // 1. Find out whether the caller is signed in to the account. A session of another account does not count.
        var caller = Caller.Find(context.User) is { } found && found.UserId == proof.UserId ? found : null;
        string? verified = null;
        if (request.Password is not null)
        {
            (verified, var refusal) = await provePassword.ForUserAsync(proof.UserId, request.Password, context, cancellationToken);
            if (verified is null)
            {
                return refusal!;
            }
        }
        else if (caller is null)
        {
            return ProofToken.InvalidOrExpired;
        }

        // 2. Prove the address. The one before was told when this one was asked for.
        var address = EmailAddress.TryParse(proof.Address!)!;
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        await provedAddresses.LockAsync(proof.UserId, address, cancellationToken);
        if (await db.Database.ExecuteSqlRawAsync(
            Verify,
            [
                new NpgsqlParameter("hash", proof.TokenHash),
                new NpgsqlParameter("verified", NpgsqlDbType.Text) { Value = (object?)verified ?? DBNull.Value },
                new NpgsqlParameter("caller_session", NpgsqlDbType.Uuid) { Value = (object?)caller?.SessionId ?? DBNull.Value },
                new NpgsqlParameter("caller_epoch", caller?.Epoch ?? 0),
            ],
            cancellationToken) == 0)
        {
            var isTaken = await db.Users.AnyAsync(
                user => user.NormalizedEmail == address.Normalized && user.Id != proof.UserId, cancellationToken);
            return isTaken ? EmailTaken : ProofToken.InvalidOrExpired;
        }

        // 3. The address is this account's alone.
        var renamed = await provedAddresses.ClearAsync(proof.UserId, address, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        events.Write(SecurityEvent.EmailVerified(proof.UserId), context);
        if (renamed is { } userId)
        {
            events.Write(SecurityEvent.UsernameReplaced(userId), context);
        }

        return TypedResults.Ok(new VerifyEmailResponse(
            "success", $"{address.Value} is the address of {proof.Username} now", proof.Username, address.Value));
    }
}
