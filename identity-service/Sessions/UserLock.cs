using AuthMesh.Identity.Platform.Database;
using Microsoft.EntityFrameworkCore;

namespace AuthMesh.Identity.Sessions;

/// <summary>
/// Locks a user's row until the transaction ends, so that changes of the user's sessions and keys follow one another. It is a statement of
/// its own: a statement that waits for the lock still sees other tables as they were before.
/// </summary>
internal static class UserLock
{
    public static Task TakeAsync(IdentityDb db, Guid userId, CancellationToken cancellationToken) => db.Database.ExecuteSqlAsync(
        $"SELECT 1 FROM users WHERE id = {userId} FOR NO KEY UPDATE", cancellationToken);
}
