using System.Security.Claims;
using AuthMesh.Access;
using AuthMesh.Errors;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using AuthMesh.Identity.Users;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace AuthMesh.Identity.Admin;

internal sealed record LockedUser(Guid Id, string Username, string Role, bool IsDisabled)
{
    public bool IsActiveAdmin => Role == Roles.Admin && !IsDisabled;
}

/// <summary>
/// The user whom an admin acts on, with all active admins, the caller among them: locked until the transaction ends, in the order of
/// their ids. So two admins who act on each other take turns, and none of them counts on an admin who is about to be none.
/// </summary>
/// <remarks>
/// The lock is for admins alone, so that nobody else holds them up. But it may have been waited for: the statement that changes something
/// must ask again whether the caller's session is live.
/// </remarks>
internal sealed record LockedUsers(LockedUser Target, bool IsLastAdmin)
{
    public static readonly Failure LastAdmin = new(
        StatusCodes.Status409Conflict, "last_admin", "The last active admin can be neither demoted, disabled nor deleted");

    private const string Lock =
        $"""
        {AdminCaller.With}
        SELECT u.id AS "Id", u.username AS "Username", u.role AS "Role", u.disabled_at IS NOT NULL AS "IsDisabled"
        FROM admin, users u WHERE u.id = @id OR u.role = '{Roles.Admin}' AND u.disabled_at IS NULL
        ORDER BY u.id FOR UPDATE OF u
        """;

    /// <returns>Them, or why there is nobody whom this caller may act on.</returns>
    public static async Task<(LockedUsers? Users, Failure? Fault)> LockAsync(
        IdentityDb db, ClaimsPrincipal user, string id, CancellationToken cancellationToken)
    {
        var (caller, targetId) = (Caller.Of(user), AdminCaller.ParseId(id));
        var locked = await db.Database.SqlQueryRaw<LockedUser>(Lock, [.. caller.Parameters, new NpgsqlParameter("id", targetId)])
            .ToListAsync(cancellationToken);
        if (locked.Find(row => row.Id == targetId) is not { } target || !locked.Exists(row => row.Id == caller.UserId && row.IsActiveAdmin))
        {
            return (null, await AdminCaller.FindFaultAsync(db, user, cancellationToken) ?? AdminCaller.NotFound);
        }

        return (new LockedUsers(target, target.IsActiveAdmin && locked.Count(row => row.IsActiveAdmin) == 1), null);
    }
}
