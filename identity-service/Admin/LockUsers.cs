using System.Security.Claims;
using AuthMesh.Access;
using AuthMesh.Errors;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using AuthMesh.Identity.Users;
using AuthMesh.Tokens;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
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
internal sealed class LockUsers(IdentityDb db, IOptions<AdminOptions> options)
{
    public static readonly Failure LastAdmin = new(
        StatusCodes.Status409Conflict, "last_admin", "The last active admin can be neither demoted, disabled nor deleted");

    private const string Lock =
        $"""
        {AdminCaller.WithRecentProof}
        SELECT u.id AS "Id", u.username AS "Username", u.email AS "Email", u.role AS "Role", u.disabled_at IS NOT NULL AS "IsDisabled"
        FROM admin JOIN sessions s ON s.id = admin.session_id, users u
        WHERE (u.id = @id OR u.role = '{Roles.Admin}' AND u.disabled_at IS NULL) AND (NOT @two_factors OR {AdminCaller.HasTwoFactors})
        ORDER BY u.id FOR UPDATE OF u
        """;

    /// <returns>The locked users, or why this caller may not act on the target.</returns>
    public async Task<(LockedUsers? Users, Failure? Fault)> RunAsync(ClaimsPrincipal user, string id, CancellationToken cancellationToken)
    {
        var (caller, targetId, demandsTwo) = (Caller.Of(user), AdminCaller.ParseId(id), options.Value.RequireTwoFactors);

        // The token first: the statement knows the stored session alone.
        if (demandsTwo && !user.HasClaim(AccessTokenClaims.Assurance, Assurance.TwoFactors))
        {
            return (null, AdminCaller.TwoFactorsDemanded);
        }

        NpgsqlParameter[] parameters = [.. caller.Parameters, new("id", targetId), new("two_factors", demandsTwo)];
        var locked = await db.Database.SqlQueryRaw<LockedUser>(Lock, [.. parameters]).ToListAsync(cancellationToken);
        if (locked.Find(row => row.Id == targetId) is not { } target || !locked.Exists(row => row.Id == caller.UserId && row.IsActiveAdmin))
        {
            var fault = await AdminCaller.FindFaultAsync(db, user, isChange: true, cancellationToken, demandsTwo);
            return (null, fault ?? AdminCaller.NotFound);
        }

        return (new LockedUsers(target, target.IsActiveAdmin && locked.Count(row => row.IsActiveAdmin) == 1), null);
    }

    /// <summary>
    /// The same for changes to how the target signs in. On their own account, admins meet the demands of <c>/account</c> too.
    /// </summary>
    public async Task<(LockedUsers? Users, Failure? Fault)> ForSignInAsync(
        ClaimsPrincipal user, string id, CancellationToken cancellationToken) =>
        AdminCaller.ParseId(id) == Caller.Of(user).UserId
        && (await OwnAccount.DemandRecentProofAsync(db, user, cancellationToken)).Refusal is { } insufficient
            ? (null, insufficient)
            : await RunAsync(user, id, cancellationToken);
}

/// <param name="Target">The user to change.</param>
/// <param name="IsLastAdmin">Whether no other active admin exists.</param>
internal sealed record LockedUsers(LockedUser Target, bool IsLastAdmin);
