using System.Text.Json.Serialization;
using AuthMesh.Access;
using AuthMesh.Errors;
using AuthMesh.Identity.Passwords;
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

/// <summary>Deletes the caller's account with all its sessions. The name is free afterwards; the id is never used again.</summary>
internal static partial class DeleteAccount
{
    private static readonly Failure LastAdmin = new(
        StatusCodes.Status409Conflict, "last_admin", "The last active admin cannot be deleted");

    private const string Delete =
        $"""
        DELETE FROM users u USING sessions s
        WHERE u.id = @caller AND s.id = @caller_session AND s.epoch = @caller_epoch AND {LiveSession.IsLive} AND u.password_hash = @verified
        """;

    public static void Map(IEndpointRouteBuilder group) => group.MapDelete("", HandleAsync);

    private static async Task<Results<Ok<MessageResponse>, Failure>> HandleAsync(
        [FromBody] DeleteAccountRequest request, HttpContext context, IdentityDb db, ConfirmPassword confirmPassword, SessionCookies cookies,
        DeviceCookies deviceCookies, ILogger<DeleteAccountRequest> logger, CancellationToken cancellationToken)
    {
        if (string.IsNullOrEmpty(request.CurrentPassword))
        {
            return CommonFailures.InvalidRequest(new Dictionary<string, string[]> { ["current_password"] = ["is required"] });
        }

        using var place = await confirmPassword.EnterAsync(context, cancellationToken);
        if (place is null)
        {
            return HashingLane.Full;
        }

        if (await OwnAccount.FindAsync(db, context.User, cancellationToken) is not { } account)
        {
            return CommonFailures.InvalidToken();
        }

        if (await confirmPassword.RunAsync(place, account, request.CurrentPassword, context, cancellationToken) is { } refusal)
        {
            return refusal;
        }

        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        if (account.Role == Roles.Admin && await ActiveAdmins.LockAsync(db, cancellationToken) is [var last] && last == account.Id)
        {
            return LastAdmin;
        }

        var deleted = await db.Database.ExecuteSqlRawAsync(
            Delete, [.. Caller.Of(context.User).Parameters, new NpgsqlParameter("verified", account.PasswordHash)], cancellationToken);
        if (deleted == 0)
        {
            return ConfirmPassword.AccountChanged;
        }

        await transaction.CommitAsync(cancellationToken);
        LogDeleted(logger, account.Id);
        cookies.Clear(context.Response);
        deviceCookies.Clear(context.Response);
        return TypedResults.Ok(new MessageResponse("success", "Account deleted"));
    }

    [LoggerMessage(LogLevel.Information, "User {UserId} deleted the account")]
    private static partial void LogDeleted(ILogger logger, Guid userId);
}
