using AuthMesh.Identity.Keys;
using AuthMesh.Identity.Platform.Database;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace AuthMesh.Identity.Sessions;

/// <summary>
/// Rotates a refresh token: a session moves to its next counter, at most once in 30 s. For those 30 s, the old and the new token get the
/// same answer, so a client that loses a race or an answer stays signed in.
/// </summary>
/// <remarks>
/// Accepted weakness: a thief who presents a stolen token within those 30 s gets the owner's next token undetected. Reuse detection catches
/// the theft when thief or owner presents a token that the other rotated at least 30 s before.
/// </remarks>
/// <param name="isLive">The condition of <see cref="LiveSession"/> for the kind of session that this endpoint serves.</param>
/// <param name="columns">What the statements return.</param>
/// <param name="expiry">The session's next expiry.</param>
internal sealed class RefreshTokenRotation(string isLive, string columns, string expiry)
{
    // Long enough for a retry after a lost answer, and for a sleeping tab to find the token that another tab has stored.
    private const string JustNow = "now() - interval '30 seconds'";

    private const string IsDue = $"s.refresh_counter = @counter AND (s.refreshed_at IS NULL OR s.refreshed_at <= {JustNow})";

    // One statement both decides and rotates. After a wait for a concurrent rotation, PostgreSQL evaluates the conditions and values again
    // on the changed row. So of any number of concurrent calls one rotates, and all others return its result.
    private readonly string step =
        $"""
        UPDATE sessions s SET
            refresh_counter = CASE WHEN {IsDue} THEN s.refresh_counter + 1 ELSE s.refresh_counter END,
            refreshed_at = CASE WHEN {IsDue} THEN now() ELSE s.refreshed_at END,
            last_used_at = now(), expires_at = {expiry}
        FROM users u
        WHERE s.id = @session AND s.epoch = @epoch AND {isLive}
            AND (s.refresh_counter = @counter OR s.refresh_counter - 1 = @counter AND s.refreshed_at > {JustNow})
        RETURNING {columns}
        """;

    // Two parties hold a token that was replaced longer ago, and the service cannot tell which one is the owner (RFC 9700 §4.14.2), so the
    // session ends. A token of another epoch is only outdated, and one ahead of its session comes from a restored database: neither ends a
    // session. The trigger session_ended notifies every verifier.
    private readonly string endReplayed =
        $"""
        WITH ended AS (
            UPDATE sessions s SET ended_at = now()
            FROM users u
            WHERE s.id = @session AND s.epoch = @epoch AND {isLive}
                AND (s.refresh_counter - 1 > @counter OR s.refresh_counter - 1 = @counter AND s.refreshed_at <= {JustNow})
            RETURNING {columns}),
        {EndChildren.With}
        SELECT * FROM ended
        """;

    /// <param name="database">For the statement, which commits by itself.</param>
    /// <param name="presented">The refresh token.</param>
    /// <param name="find">Runs a statement with the given parameters and reads its row.</param>
    /// <param name="more">Parameters of the condition.</param>
    /// <returns>The session, or null: see <see cref="EndReplayedAsync"/>.</returns>
    public Task<T?> StepAsync<T>(
        Primary database, RefreshToken presented, Func<NpgsqlCommand, NpgsqlParameter[], Task<T?>> find, params NpgsqlParameter[] more)
        where T : class =>
        find(database.CreateCommand(step), ParametersOf(presented, more));

    /// <summary>Ends the session of a token that was replaced at least 30 s ago.</summary>
    /// <remarks>Safe after <see cref="StepAsync"/>: every reason why that matched no row is permanent.</remarks>
    /// <returns>The session that ended, or null.</returns>
    public async Task<T?> EndReplayedAsync<T>(
        IdentityDb db, RefreshToken presented, Func<NpgsqlCommand, NpgsqlParameter[], Task<T?>> find, CancellationToken cancellationToken,
        params NpgsqlParameter[] more)
        where T : class
    {
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        await EndChildren.LockUserOfAsync(db, presented.SessionId, cancellationToken);
        var ended = await find(db.CreateCommand(endReplayed), ParametersOf(presented, more));
        await transaction.CommitAsync(cancellationToken);
        return ended;
    }

    private static NpgsqlParameter[] ParametersOf(RefreshToken presented, NpgsqlParameter[] more) =>
        [new("session", presented.SessionId), new("epoch", presented.Epoch), new("counter", presented.Counter), .. more];
}
