using AuthMesh.Identity.Tokens;
using Npgsql;

namespace AuthMesh.Identity.Sessions;

/// <summary>
/// A session as a statement found it usable, with all that its tokens say. Every statement that lets a session do something has
/// <see cref="IsLive"/> in it, so that nothing is decided on what an earlier one saw.
/// </summary>
/// <remarks>
/// <para>
/// A statement sees all that was committed before it began, so whoever was told that a session ended, or an account changed, is told
/// the truth. What is committed while it runs may be missed. A token that is minted then carries the session's id and epoch like any
/// other, and the entry in the revocation log, written by that very commit, ends it too; its time counts from before the statement,
/// so it is gone before the entry is.
/// </para>
/// <para>
/// Locks, for whoever adds a statement: the user's row before any of its sessions; several users in the order of their ids; more than
/// one session only with the user's row in hand. And never FOR SHARE on a user: those who share one come and go without a gap, and
/// eight callers that refresh in a loop kept a change of the password waiting until it timed out. FOR NO KEY UPDATE queues.
/// </para>
/// </remarks>
/// <param name="FoundAt">When it was looked for, by our clock: before the statement saw it. Tokens begin here.</param>
internal sealed record LiveSession(
    Guid Id, Guid UserId, string Username, string Role, int Epoch, int RefreshCounter, TimeSpan Remaining, DateTimeOffset FoundAt)
{
    /// <summary>What an access token says of this session.</summary>
    public TokenSession ForToken => new(UserId, Id, Epoch, Username, Role, FoundAt, Remaining);

    /// <summary>However much it is used; then the password is asked for again.</summary>
    public static readonly TimeSpan LongestLifetime = TimeSpan.FromDays(90);

    /// <summary>
    /// The condition, where <c>s</c> is a session and <c>u</c> a user. What is not live now never will be again, unless the user is
    /// disabled.
    /// </summary>
    public const string IsLive =
        "s.ended_at IS NULL AND s.expires_at > now() AND u.id = s.user_id AND u.epoch = s.epoch AND u.disabled_at IS NULL";

    /// <summary>How long it lives if nobody uses it any more, and in any case.</summary>
    public const string Expiry = "LEAST(now() + interval '14 days', s.created_at + interval '90 days')";

    public const string Columns =
        "s.id, s.user_id, u.username, u.role, s.epoch, s.refresh_counter, s.expires_at - now() AS remaining";

    /// <summary>
    /// Runs a statement that gives <see cref="Columns"/> for one session at most. Not by Entity Framework, which would take longer to make
    /// a query of it than PostgreSQL takes to answer: every refresh comes through here.
    /// </summary>
    public static async Task<LiveSession?> FindAsync(
        NpgsqlCommand command, TimeProvider clock, CancellationToken cancellationToken, params NpgsqlParameter[] parameters)
    {
        await using (command)
        {
            command.Parameters.AddRange(parameters);
            var foundAt = clock.GetUtcNow();
            await using var rows = await command.ExecuteReaderAsync(cancellationToken);
            var session = await rows.ReadAsync(cancellationToken)
                ? new LiveSession(
                    rows.GetGuid(0), rows.GetGuid(1), rows.GetString(2), rows.GetString(3), rows.GetInt32(4), rows.GetInt32(5),
                    rows.GetTimeSpan(6), foundAt)
                : null;
            await rows.NextResultAsync(cancellationToken); // there is none; but until PostgreSQL says so, nothing is committed
            return session;
        }
    }
}
