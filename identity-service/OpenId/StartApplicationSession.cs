using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace AuthMesh.Identity.OpenId;

/// <summary>Starts the session of an application for a user who let it act for them.</summary>
internal static class StartApplicationSession
{
    /// <summary>
    /// A part <c>added</c> of a statement, after a part <c>code</c> that holds what the user allowed: <c>user_id, application_id,
    /// parent_id, epoch, client_epoch, scopes, audience, device, network</c>. It starts the session <c>@session</c> if sign-in and
    /// application are live. The user's row and the sign-in must be locked. The last two columns are null if the application runs where
    /// the user signed in: then the session takes the place of an earlier one of the application under the same sign-in. For other devices
    /// each session is its own.
    /// </summary>
    public const string With =
        $"""
        added AS (
            INSERT INTO sessions (
                id, kind, user_id, application_id, parent_id, epoch, client_epoch, scopes, audience, created_at, last_used_at, expires_at,
                device, network, methods)
            SELECT @session, '{SessionKind.Application}', u.id, a.id,
                CASE WHEN NOT '{StandardScope.OfflineAccess}' = ANY (code.scopes) THEN s.id END,
                u.epoch, a.epoch, code.scopes, code.audience, now(), now(),
                CASE WHEN '{StandardScope.OfflineAccess}' = ANY (code.scopes) THEN now() + interval '14 days'
                    ELSE LEAST(now() + interval '14 days', s.created_at + interval '90 days') END,
                COALESCE(code.device, s.device), COALESCE(code.network, s.network), s.methods
            FROM code, users u, sessions s, applications a
            WHERE u.id = code.user_id AND s.id = code.parent_id AND a.id = code.application_id AND u.epoch = code.epoch
                AND a.epoch = code.client_epoch AND a.disabled_at IS NULL AND {LiveSession.IsLiveSignIn}
            RETURNING *),
        replaced AS (
            UPDATE sessions o SET ended_at = now() FROM added, code
            WHERE code.device IS NULL AND o.parent_id = added.parent_id AND o.application_id = added.application_id AND o.ended_at IS NULL)
        """;

    // No person has as many applications. The trigger session_ended notifies every verifier. The user's sessions are found first: while
    // PostgreSQL's statistics do not show how many sessions applications have, it would rather read all of those.
    internal const string EndOldest =
        $"""
        WITH own AS MATERIALIZED (SELECT * FROM sessions WHERE user_id = @user)
        UPDATE sessions SET ended_at = now() WHERE id IN (
            SELECT s.id FROM own s, users u WHERE u.id = @user AND {LiveSession.IsLiveApplication}
            ORDER BY s.created_at DESC, s.id DESC OFFSET 50)
        """;

    /// <summary>Keeps the newest 50 sessions of a locked user's applications.</summary>
    public static Task EndOldestAsync(IdentityDb db, Guid userId, CancellationToken cancellationToken) =>
        db.Database.ExecuteSqlRawAsync(EndOldest, [new NpgsqlParameter("user", userId)], cancellationToken);
}
