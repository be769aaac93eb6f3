using AuthMesh.Access;
using AuthMesh.Errors;
using AuthMesh.Identity.Emails;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace AuthMesh.Identity.Admin;

public sealed record ChangeUserRequest(string? Role = null, bool? Disabled = null);

/// <summary>
/// Changes a user's role, or disables or enables the user. A new role and a disabling raise the epoch, which ends all sign-ins and tokens
/// of the user. A disabling ends the keys too. The trigger <c>user_epoch_raised</c> notifies every verifier.
/// </summary>
internal static class ChangeUser
{
    private const string Change =
        $"""
        {AdminCaller.WithRecentProof}
        UPDATE users u SET role = @role, disabled_at = CASE WHEN @disabled THEN coalesce(u.disabled_at, now()) END, epoch = u.epoch + @raise
        FROM admin WHERE u.id = @id
        """;

    // Without the admin check: callers may just have demoted themselves.
    private const string Find = $"SELECT {UserRow.Columns} FROM users u {UserRow.Live} WHERE u.id = @id";

    public static void Map(IEndpointRouteBuilder users) => users.MapPatch("/{id}", HandleAsync)
        .ProducesFailure(AdminCaller.NotFound, LockUsers.LastAdmin);

    private static async Task<Results<Ok<ShowUserResponse>, Failure>> HandleAsync(
        string id, ChangeUserRequest request, HttpContext context, IdentityDb db, LockUsers lockUsers, AccountProofs proofs,
        SessionCookies cookies, SecurityEvents events, CancellationToken cancellationToken)
    {
        if (FindFault(request) is { } fault)
        {
            return fault;
        }

        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        var (users, refusal) = await lockUsers.RunAsync(context.User, id, cancellationToken);
        if (users is null)
        {
            return refusal!;
        }

        // 1. Compute the difference. The row is locked, so nobody changes it meanwhile.
        var (caller, target) = (Caller.Of(context.User), users.Target);
        var role = request.Role ?? target.Role;
        var isDisabled = request.Disabled ?? target.IsDisabled;
        var isEnding = role != target.Role || (isDisabled && !target.IsDisabled);
        var isChange = isEnding || isDisabled != target.IsDisabled;
        if (users.IsLastAdmin && isEnding)
        {
            events.Write(SecurityEvent.LastAdminKept(caller.UserId, target.Id), context);
            return LockUsers.LastAdmin;
        }

        // 2. Apply the change, unless the caller's session ended during the wait for the lock.
        NpgsqlParameter[] parameters =
            [.. caller.Parameters, new("id", target.Id), new("role", role), new("disabled", isDisabled), new("raise", isEnding ? 1 : 0)];
        if (isChange && await db.Database.ExecuteSqlRawAsync(Change, parameters, cancellationToken) == 0)
        {
            return await AdminCaller.FindFaultAsync(db, context.User, isChange: true, cancellationToken) ?? AdminCaller.NotFound;
        }

        if (isEnding)
        {
            await proofs.RevokeResetsAsync(target.Id, cancellationToken);
            if (!isDisabled)
            {
                await KeepKeys.RunAsync(db, target.Id, cancellationToken); // their next tokens have the new role
            }
        }

        var found = await UserRow.FindAsync(db, Find, cancellationToken, new NpgsqlParameter("id", target.Id));
        await transaction.CommitAsync(cancellationToken);
        if (role != target.Role)
        {
            events.Write(SecurityEvent.UserRoleChanged(caller.UserId, target.Id, target.Role, role), context);
        }

        if (isDisabled != target.IsDisabled)
        {
            events.Write(
                isDisabled ? SecurityEvent.UserDisabled(caller.UserId, target.Id)
                : SecurityEvent.UserEnabled(caller.UserId, target.Id), context);
        }

        if (isEnding && target.Id == caller.UserId)
        {
            cookies.Clear(context.Response);
        }

        return TypedResults.Ok(new ShowUserResponse(
            "success", isChange ? $"User {target.Username} changed" : $"User {target.Username} unchanged", found!));
    }

    private static Failure? FindFault(ChangeUserRequest request) => request switch
    {
        { Role: null, Disabled: null } => CommonFailures.InvalidRequest("Give a role, admin or user, or disabled, true or false, or both"),
        { Role: not (null or Roles.Admin or Roles.User) } => CommonFailures.InvalidRequest(
            new Dictionary<string, string[]> { ["role"] = [$"must be {Roles.Admin} or {Roles.User}"] }),
        _ => null,
    };
}
