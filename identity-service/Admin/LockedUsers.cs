using System.Security.Claims;
using AuthMesh.Access;
using AuthMesh.Errors;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using AuthMesh.Identity.Users;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace AuthMesh.Identity.Admin;

internal sealed record LockedUser(Guid Id, string Username, string? Email, string Role, bool IsDisabled)
{
    public bool IsActiveAdmin => Role == Roles.Admin && !IsDisabled;
}

/// <summary>
/// Locks the target user and all active admins, the caller among them, in id order until the transaction ends. Two admins who act on each
/// other therefore take turns. Neither counts an admin whom the other is about to demote, disable or delete.
/// </summary>
/// <remarks>
/// Only admins take the lock, so other callers cannot delay it. Taking it may still take time: the statement that changes the user must
/// check again that the caller's session is live.
/// </remarks>
internal sealed record LockedUsers(LockedUser Target, bool IsLastAdmin)
{
    public static readonly Failure LastAdmin = new(
        StatusCodes.Status409Conflict, "last_admin", "The last active admin can be neither demoted, disabled nor deleted");

    private const string Lock =
        $"""
        {AdminCaller.WithRecentProof}
        SELECT u.id AS "Id", u.username AS "Username", u.email AS "Email", u.role AS "Role", u.disabled_at IS NOT NULL AS "IsDisabled"
        FROM admin, users u WHERE u.id = @id OR u.role = '{Roles.Admin}' AND u.disabled_at IS NULL
        ORDER BY u.id FOR UPDATE OF u
        """;

    /// <returns>The locked users, or why this caller may not act on the target.</returns>
    public static async Task<(LockedUsers? Users, Failure? Fault)> LockAsync(
        IdentityDb db, ClaimsPrincipal user, string id, CancellationToken cancellationToken)
    {
        var (caller, targetId) = (Caller.Of(user), AdminCaller.ParseId(id));
        var locked = await db.Database.SqlQueryRaw<LockedUser>(Lock, [.. caller.Parameters, new NpgsqlParameter("id", targetId)])
            .ToListAsync(cancellationToken);
        if (locked.Find(row => row.Id == targetId) is not { } target || !locked.Exists(row => row.Id == caller.UserId && row.IsActiveAdmin))
        {
            return (null, await AdminCaller.FindFaultAsync(db, user, isChange: true, cancellationToken) ?? AdminCaller.NotFound);
        }

        return (new LockedUsers(target, target.IsActiveAdmin && locked.Count(row => row.IsActiveAdmin) == 1), null);
    }
}
