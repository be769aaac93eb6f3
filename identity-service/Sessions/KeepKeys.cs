using AuthMesh.Identity.Platform.Database;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace AuthMesh.Identity.Sessions;

/// <summary>
/// Takes a user's keys along into the new epoch, so that a new password or role does not stop the user's scripts. Their earlier tokens end,
/// and the next token has the new role. Everything else that raises an epoch ends the keys too, because it does not call this.
/// </summary>
internal static class KeepKeys
{
    // Only keys of the epoch before: older ones have ended.
    private const string Keep =
        $"""
        UPDATE sessions s SET epoch = u.epoch FROM users u
        WHERE u.id = @user AND s.user_id = u.id AND s.kind = '{SessionKind.Key}' AND s.epoch = u.epoch - 1 AND s.ended_at IS NULL
        """;

    /// <summary>
    /// Call it in the transaction that raised the epoch by one and therefore holds the user's lock. It is a statement of its own: the first
    /// one, if it waited for the lock, would miss a key that was added meanwhile.
    /// </summary>
    public static Task RunAsync(IdentityDb db, Guid userId, CancellationToken cancellationToken) =>
        db.Database.ExecuteSqlRawAsync(Keep, [new NpgsqlParameter("user", userId)], cancellationToken);
}
