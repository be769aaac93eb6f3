using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using AuthMesh.Errors;
using AuthMesh.Identity.Mail;
using AuthMesh.Identity.Passwords;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using AuthMesh.Identity.SignIn;
using AuthMesh.Tokens;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace AuthMesh.Identity.Accounts;

public sealed record ChangePasswordRequest(
    [property: JsonPropertyName("current_password")] string? CurrentPassword = null,
    [property: Required][property: JsonPropertyName("new_password")] string? NewPassword = null);

/// <summary>
/// Sets a new password. It starts a new epoch, which ends every other sign-in of the account; keys go on with new tokens. An account that
/// demands two factors demands them here too, besides the current password. An account without a password demands a recent proof in place
/// of it.
/// </summary>
internal sealed class ChangePassword(
    IdentityDb db, PasswordRules rules, ProvePassword provePassword, CompleteSignIn completeSignIn, Outbox outbox, TimeProvider clock,
    SecurityEvents events)
{
    // The statement changes nothing unless the session is live and the password is still the verified one. The trigger user_epoch_raised
    // tells every verifier to refuse tokens of the old epoch.
    private const string BeginEpoch =
        $"""
        UPDATE users u SET password_hash = @new, epoch = u.epoch + 1, factors_epoch = u.factors_epoch + 1
        FROM sessions s
        WHERE u.id = @caller AND s.id = @caller_session AND s.epoch = @caller_epoch AND {LiveSession.IsLiveSignIn} AND {OwnAccount.IsProved}
        """;

    // The caller's session continues in the new epoch as if it had just signed in; its earlier tokens and cookie are void.
    private const string GoOn =
        $"""
        UPDATE sessions s SET epoch = u.epoch, cookie_hash = @cookie, refresh_counter = s.refresh_counter + 1, refreshed_at = now(),
            last_used_at = now(), expires_at = {LiveSession.Expiry},
            methods = s.methods || jsonb_build_object('{ProvedMethods.Password}', {ProvedMethods.Now})
        FROM users u
        WHERE s.id = @caller_session AND u.id = s.user_id AND s.ended_at IS NULL AND s.expires_at > now()
        RETURNING {LiveSession.Columns}
        """;

    private static readonly Dictionary<string,
        string[]> SamePassword = new() { ["new_password"] = ["must differ from the current password"] };

    public static void Map(IEndpointRouteBuilder group) => group.MapPost(
        "/password",
        (ChangePasswordRequest request, HttpContext context, ChangePassword changePassword, CancellationToken cancellationToken) =>
            changePassword.RunAsync(request, context, cancellationToken))
        .ProducesFailure(OwnAccount.ProofDemanded, ProvePassword.WrongPassword, PasswordProof.AccountChanged);

    public async Task<Results<Ok<SignInResponse>, Failure>> RunAsync(
        ChangePasswordRequest request, HttpContext context, CancellationToken cancellationToken)
    {
        // 1. Check that the caller is signed in, proved what the account demands, and knows the current password.
        if (await OwnAccount.FindAsync(db, context.User, cancellationToken) is not { } account)
        {
            return CommonFailures.InvalidToken();
        }

        if (FindFault(request, account) is { } fault)
        {
            return fault;
        }

        var (proved, refusal) = await provePassword.ForOwnAccountAsync(account, request.CurrentPassword, context, cancellationToken);
        if (proved is null)
        {
            return refusal!;
        }

        using var proof = proved;

        // These checks come after the proof: only now are the account and its name known, and CurrentPassword to be right.
        if (request.NewPassword == request.CurrentPassword)
        {
            return CommonFailures.InvalidRequest(SamePassword);
        }

        if (rules.FindFault(request.NewPassword!, proof.Account.Username, proof.Account.Email) is { } newPasswordFault)
        {
            return CommonFailures.InvalidRequest(new Dictionary<string, string[]> { ["new_password"] = [newPasswordFault] });
        }

        if (await proof.HashAsync(request.NewPassword!) is not { } newHash)
        {
            return HashingLane.Full;
        }

        // 2. Begin the new epoch, unless the account changed since the check.
        var caller = Caller.Of(context.User);
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        var changed = await db.Database.ExecuteSqlRawAsync(
            BeginEpoch, [.. caller.Parameters, new NpgsqlParameter("new", newHash), proof.Account.Verified], cancellationToken);
        if (changed == 0)
        {
            return PasswordProof.AccountChanged;
        }

        // 3. Continue this session and the account's keys in the new epoch. If the session ended meanwhile, the transaction rolls back.
        var cookie = SessionCookie.Create();
        var session = await LiveSession.FindAsync(
            db.CreateCommand(GoOn), clock, cancellationToken, new("caller_session", caller.SessionId), new("cookie", cookie.Hash));
        if (session is null)
        {
            return CommonFailures.InvalidToken();
        }

        await KeepKeys.RunAsync(db, caller.UserId, cancellationToken);
        await outbox.NotifyAsync(caller.UserId, MailKind.PasswordChanged, new Dictionary<string, string>(), cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        events.Write(SecurityEvent.PasswordChanged(caller.UserId, caller.SessionId), context);
        return TypedResults.Ok(completeSignIn.Answer("Password changed", session, cookie, knownDevice: null, context));
    }

    private Failure? FindFault(ChangePasswordRequest request, OwnAccount account)
    {
        var errors = new Dictionary<string, string[]>();
        if (string.IsNullOrEmpty(request.CurrentPassword) && account.PasswordHash is not null)
        {
            errors["current_password"] = ["is required"];
        }

        if (string.IsNullOrEmpty(request.NewPassword))
        {
            errors["new_password"] = ["is required"];
        }
        else if (rules.FindFault(request.NewPassword, account.Username) is { } newPasswordFault)
        {
            errors["new_password"] = [newPasswordFault];
        }

        return errors.Count > 0 ? CommonFailures.InvalidRequest(errors) : null;
    }
}
