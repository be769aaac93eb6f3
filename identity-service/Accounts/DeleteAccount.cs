using System.Text.Json.Serialization;
using AuthMesh.Access;
using AuthMesh.Errors;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using AuthMesh.Identity.SignIn;
using AuthMesh.Identity.Throttling;
using AuthMesh.Identity.Users;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace AuthMesh.Identity.Accounts;

public sealed record DeleteAccountRequest([property: JsonPropertyName("current_password")] string? CurrentPassword = null);

/// <summary>
/// Deletes the caller's account and all its sessions. Afterwards the username is free; the id is never reused. The trigger
/// <c>user_deleted</c> notifies every verifier. It demands what a new password demands: see <see cref="ChangePassword"/>.
/// </summary>
internal sealed class DeleteAccount(
    IdentityDb db, ProvePassword provePassword, SessionCookies cookies, DeviceCookies deviceCookies, SecurityEvents events)
{
    private static readonly Failure LastAdmin = new(
        StatusCodes.Status409Conflict, "last_admin", "The last active admin cannot be deleted");

    private const string Delete =
        $"""
        DELETE FROM users u USING sessions s
        WHERE u.id = @caller AND s.id = @caller_session AND s.epoch = @caller_epoch AND {LiveSession.IsLiveSignIn} AND {OwnAccount.IsProved}
        """;

    public static void Map(IEndpointRouteBuilder group) => group.MapDelete(
        "",
        ([FromBody] DeleteAccountRequest request, HttpContext context, DeleteAccount deleteAccount, CancellationToken cancellationToken) =>
            deleteAccount.RunAsync(request, context, cancellationToken))
        .ProducesFailure(OwnAccount.ProofDemanded, ProvePassword.WrongPassword, PasswordProof.AccountChanged, LastAdmin);

    public async Task<Results<Ok<MessageResponse>, Failure>> RunAsync(
        DeleteAccountRequest request, HttpContext context, CancellationToken cancellationToken)
    {
        if (await OwnAccount.FindAsync(db, context.User, cancellationToken) is not { } own)
        {
            return CommonFailures.InvalidToken();
        }

        if (string.IsNullOrEmpty(request.CurrentPassword) && own.PasswordHash is not null)
        {
            return CommonFailures.InvalidRequest(new Dictionary<string, string[]> { ["current_password"] = ["is required"] });
        }

        var (proved, refusal) = await provePassword.ForOwnAccountAsync(own, request.CurrentPassword, context, cancellationToken);
        if (proved is null)
        {
            return refusal!;
        }

        using var proof = proved;
        var account = proof.Account;
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        if (account.Role == Roles.Admin && await ActiveAdmins.LockAsync(db, cancellationToken) is [var last] && last == account.Id)
        {
            return LastAdmin;
        }

        var deleted = await db.Database.ExecuteSqlRawAsync(
            Delete, [.. Caller.Of(context.User).Parameters, account.Verified], cancellationToken);
        if (deleted == 0)
        {
            return PasswordProof.AccountChanged;
        }

        await transaction.CommitAsync(cancellationToken);
        events.Write(SecurityEvent.UserDeleted(adminId: null, account.Id), context);
        cookies.Clear(context.Response);
        deviceCookies.Clear(context.Response);
        return TypedResults.Ok(new MessageResponse("success", "Account deleted"));
    }
}
