using AuthMesh.Access;
using AuthMesh.Identity.Platform.Database;
using Microsoft.EntityFrameworkCore;

namespace AuthMesh.Identity.Users;

/// <summary>
/// The admins that are not disabled. A statement that removes one locks all of them first, so two removals at the same moment cannot
/// each rely on the other's admin.
/// </summary>
internal static class ActiveAdmins
{
    /// <summary>Locks them until the transaction ends, in the order of their ids.</summary>
    public static Task<List<Guid>> LockAsync(IdentityDb db, CancellationToken cancellationToken) =>
        db.Database.SqlQuery<Guid>(
            $"SELECT id FROM users WHERE role = {Roles.Admin} AND disabled_at IS NULL ORDER BY id FOR UPDATE")
            .ToListAsync(cancellationToken);
}
