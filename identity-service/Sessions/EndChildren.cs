using AuthMesh.Identity.Platform.Database;
using Microsoft.EntityFrameworkCore;

namespace AuthMesh.Identity.Sessions;

/// <summary>
/// Ends the sessions of applications that a sign-in allowed, together with the sign-in: in the same statement, so that each end gets its
/// entry in the log. A session that an application starts at this moment also waits for the user's lock. So it finds the sign-in ended, or
/// the statement finds the session.
/// </summary>
internal static class EndChildren
{
    /// <summary>A part of the statement, after a part <c>ended</c> that returns the sign-ins. The user's row must be locked.</summary>
    public const string With =
        "children AS (UPDATE sessions c SET ended_at = now() FROM ended WHERE c.parent_id = ended.id AND c.ended_at IS NULL)";

    /// <summary>Locks the user of a session until the transaction ends. It is a statement of its own: see <see cref="UserLock"/>.</summary>
    public static Task LockUserOfAsync(IdentityDb db, Guid sessionId, CancellationToken cancellationToken) => db.Database.ExecuteSqlAsync(
        $"SELECT 1 FROM users WHERE id = (SELECT user_id FROM sessions WHERE id = {sessionId}) FOR NO KEY UPDATE", cancellationToken);
}
