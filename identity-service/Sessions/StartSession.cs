using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace AuthMesh.Identity.Sessions;

/// <summary>A user who has proved who they are, as the proofs found the account.</summary>
/// <param name="FactorsEpoch">A change of the password or another factor since then makes the proofs void.</param>
/// <param name="Methods">What was proved, each with its own time.</param>
internal sealed record ProvedUser(Guid Id, int Epoch, int FactorsEpoch, ProvedMethod[] Methods);

/// <param name="Name">A name of <see cref="ProvedMethods"/>.</param>
/// <param name="At">When, by PostgreSQL's clock; null for just now.</param>
internal sealed record ProvedMethod(string Name, DateTimeOffset? At = null);

/// <summary>
/// Inserts a session, unless the user changed after the password check. One statement checks and inserts. Its lock makes a concurrent
/// change of the user wait, or the statement sees the change, so a login that races such a change fails.
/// </summary>
internal sealed class StartSession(IdentityDb db, CallerAddress callerAddress, TimeProvider clock)
{
    public const int MaximumDeviceLength = 200; // browsers send about 120 characters

    // The lock also serializes logins of one user, so that each counts the sessions of all before it.
    private const string Insert =
        $"""
        WITH u AS (
            SELECT id, username, email, role, epoch FROM users
            WHERE id = @user AND epoch = @epoch AND factors_epoch = @factors_epoch AND disabled_at IS NULL FOR NO KEY UPDATE),
        s AS (
            INSERT INTO sessions (id, user_id, epoch, created_at, last_used_at, expires_at, device, network, cookie_hash, methods)
            SELECT @id, u.id, u.epoch, now(), now(), now() + interval '14 days', @device, @network, @cookie,
                (SELECT jsonb_object_agg(name, floor(extract(epoch FROM coalesce(at, now())))::bigint)
                    FROM unnest(@methods, @times) AS proof (name, at))
            FROM u
            RETURNING *)
        SELECT {LiveSession.Columns} FROM s, u
        """;

    // No person has 100 devices; a program that signs in and never out would exceed this limit. Keys have a limit of their own. The trigger
    // session_ended notifies every verifier.
    private const string EndOldest =
        $"""
        WITH ended AS (
            UPDATE sessions SET ended_at = now() WHERE id IN (
                SELECT s.id FROM sessions s, users u WHERE u.id = @user AND {LiveSession.IsLiveSignIn}
                ORDER BY s.created_at DESC, s.id DESC OFFSET 100)
            RETURNING id),
        {EndChildren.With}
        SELECT 1
        """;

    /// <returns>The session and its cookie, or null if one of the user's epochs rose, or if the user is disabled or deleted.</returns>
    public async Task<(LiveSession Session, SessionCookie Cookie)?> RunAsync(
        ProvedUser user, HttpContext context, CancellationToken cancellationToken)
    {
        var cookie = SessionCookie.Create();
        await using var transaction = db.Database.CurrentTransaction is null
            ? await db.Database.BeginTransactionAsync(cancellationToken)
            : null; // the caller's, who commits
        var session = await LiveSession.FindAsync(
            db.CreateCommand(Insert), clock, cancellationToken,
            new("id", Guid.CreateVersion7(clock.GetUtcNow())), new("user", user.Id), new("epoch", user.Epoch),
            new("factors_epoch", user.FactorsEpoch), new("methods", user.Methods.Select(method => method.Name).ToArray()),
            new("times", user.Methods.Select(method => method.At?.ToUniversalTime()).ToArray()), new("cookie", cookie.Hash),
            new("device", Describe(context.Request.Headers.UserAgent.ToString())), new("network", callerAddress.Of(context)));
        if (session is null)
        {
            return null;
        }

        await db.Database.ExecuteSqlRawAsync(EndOldest, [new NpgsqlParameter("user", user.Id)], cancellationToken);
        if (transaction is not null)
        {
            await transaction.CommitAsync(cancellationToken);
        }

        return (session, cookie);
    }

    /// <summary>A User-Agent as it is stored.</summary>
    // Removes control characters, which a terminal would obey. Never cuts through a surrogate pair: half a character cannot be stored.
    public static string Describe(string userAgent)
    {
        var text = string.Concat(userAgent.Where(c => !char.IsControl(c)));
        return text.Length <= MaximumDeviceLength ? text
            : char.IsHighSurrogate(text[MaximumDeviceLength - 1]) ? text[..(MaximumDeviceLength - 1)]
            : text[..MaximumDeviceLength];
    }
}
