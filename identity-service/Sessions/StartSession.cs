using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace AuthMesh.Identity.Sessions;

/// <summary>
/// Writes a session, provided that the user is still who the password was checked for. The check and the row are one statement, and
/// its lock makes a change of the user wait for it or be seen by it, so a login that raced one yields nothing.
/// </summary>
internal sealed class StartSession(IdentityDb db, CallerAddress callerAddress, TimeProvider clock)
{
    public const int MaximumDeviceLength = 200; // what browsers send is about 120 long

    // The lock also has logins of one user take turns, so that each counts the sessions of all before it.
    private const string Insert =
        $"""
        WITH u AS (
            SELECT id, username, role, epoch FROM users
            WHERE id = @user AND epoch = @epoch AND disabled_at IS NULL FOR NO KEY UPDATE),
        s AS (
            INSERT INTO sessions (id, user_id, epoch, created_at, last_used_at, expires_at, device, network, cookie_hash)
            SELECT @id, u.id, u.epoch, now(), now(), now() + interval '14 days', @device, @network, @cookie FROM u
            RETURNING *)
        SELECT {LiveSession.Columns} FROM s, u
        """;

    // A hundred are more devices than a person has; beyond that it is a program that signs in and never out.
    // The trigger session_ended tells every verifier.
    private const string EndOldest =
        $"""
        UPDATE sessions SET ended_at = now() WHERE id IN (
            SELECT s.id FROM sessions s, users u WHERE u.id = @user AND {LiveSession.IsLive}
            ORDER BY s.created_at DESC, s.id DESC OFFSET 100)
        """;

    /// <returns>The session and its cookie, or null where the user's epoch moved on, or the user is disabled or gone.</returns>
    public async Task<(LiveSession Session, SessionCookie Cookie)?> RunAsync(
        Guid userId, int epoch, HttpContext context, CancellationToken cancellationToken)
    {
        var cookie = SessionCookie.Create();
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        var session = await LiveSession.FindAsync(
            db.CreateCommand(Insert), clock, cancellationToken,
            new("id", Guid.CreateVersion7(clock.GetUtcNow())), new("user", userId), new("epoch", epoch), new("cookie", cookie.Hash),
            new("device", Describe(context.Request.Headers.UserAgent.ToString())), new("network", callerAddress.Of(context)));
        if (session is null)
        {
            return null;
        }

        await db.Database.ExecuteSqlRawAsync(EndOldest, [new NpgsqlParameter("user", userId)], cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return (session, cookie);
    }

    // Without what a terminal would obey, and never through the middle of a surrogate pair: half a character cannot be stored.
    private static string Describe(string userAgent)
    {
        var text = string.Concat(userAgent.Where(c => !char.IsControl(c)));
        return text.Length <= MaximumDeviceLength ? text
            : char.IsHighSurrogate(text[MaximumDeviceLength - 1]) ? text[..(MaximumDeviceLength - 1)]
            : text[..MaximumDeviceLength];
    }
}
