using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Tokens;
using Npgsql;

namespace AuthMesh.Identity.Sessions;

/// <summary>
/// A session of a user that a statement found live, with the content of its tokens. Every statement that acts for a session contains
/// <see cref="IsLive"/> or one of its kinds, so that no decision relies on an earlier read.
/// </summary>
/// <remarks>
/// <para>
/// A statement sees everything committed before it began. A session that has ended, or an account that has changed, therefore gets no new
/// token afterwards. A statement may miss a commit that happens while it runs. A token minted then still carries the session's id and
/// epoch, so the revocation log entry of that commit ends it too. Its lifetime counts from before the statement, so the token expires
/// before the entry does.
/// </para>
/// <para>
/// Lock order for new statements: lock the user's row before any of its sessions. Lock several users in the order of their ids. Lock more
/// than one session only while holding the user's row. Never lock a user FOR SHARE: sharers come and go without a gap, and eight callers
/// that refreshed in a loop kept a password change waiting until it timed out. FOR NO KEY UPDATE queues.
/// </para>
/// </remarks>
/// <param name="Email">The address that the user proved, or null.</param>
/// <param name="FoundAt">The time by our clock just before the statement ran. Tokens count their lifetime from here.</param>
internal sealed record LiveSession(
    Guid Id, Guid UserId, string Username, string? Email, string Role, int Epoch, int RefreshCounter, TimeSpan Remaining,
    SignInProof Proof, DateTimeOffset FoundAt)
{
    /// <summary>The content of an access token of a sign-in.</summary>
    public TokenSession ForToken => new(UserId, Id, Epoch, Username, Email, Role, FoundAt, Remaining, Proof);

    /// <summary>The content of an access token of an application's session.</summary>
    public TokenSession ForApplication(ApplicationGrant grant) =>
        ForToken with { Scopes = grant.Scopes, Application = grant, Audience = grant.Audience };

    /// <summary>The limit for a session in constant use; then the user must give the password again.</summary>
    public static readonly TimeSpan LongestLifetime = TimeSpan.FromDays(90);

    private const string IsLiveOfUser =
        "s.ended_at IS NULL AND s.expires_at > now() AND u.id = s.user_id AND u.epoch = s.epoch AND u.disabled_at IS NULL";

    // The sign-in that allowed an application's session has the same epoch, or the session is dead already.
    private const string IsAllowed =
        """
        EXISTS (SELECT 1 FROM applications a WHERE a.id = s.application_id AND a.epoch = s.client_epoch AND a.disabled_at IS NULL)
            AND (s.parent_id IS NULL OR EXISTS (
                SELECT 1 FROM sessions p WHERE p.id = s.parent_id AND p.ended_at IS NULL AND p.expires_at > now() AND p.epoch = s.epoch))
        """;

    /// <summary>
    /// The condition for a live session <c>s</c>, of any kind, of a user <c>u</c>. A session that is not live never becomes live again,
    /// unless it is dead only because the user is disabled. A statement that acts for a caller names the kind that it accepts.
    /// </summary>
    public const string IsLive = $"{IsLiveOfUser} AND (s.kind <> '{SessionKind.Application}' OR {IsAllowed})";

    /// <summary>The same for a sign-in.</summary>
    public const string IsLiveSignIn = $"{IsLiveOfUser} AND s.kind = '{SessionKind.SignIn}'";

    /// <summary>The same for a key. Its epoch is its owner's: see <see cref="KeepKeys"/>.</summary>
    public const string IsLiveKey = $"{IsLiveOfUser} AND s.kind = '{SessionKind.Key}'";

    /// <summary>The same for an application that a user let act for them.</summary>
    public const string IsLiveApplication = $"{IsLiveOfUser} AND s.kind = '{SessionKind.Application}' AND {IsAllowed}";

    /// <summary>The condition for the live session <c>s</c> of an application <c>a</c> in its own name.</summary>
    public const string IsLiveService =
        $"""
        s.application_id = a.id AND s.kind = '{SessionKind.Service}' AND s.ended_at IS NULL AND s.expires_at > now()
            AND a.disabled_at IS NULL
        """;

    /// <summary>The expiry of a sign-in: 14 days after the last use, and at most 90 days after the sign-in.</summary>
    public const string Expiry = "LEAST(now() + interval '14 days', s.created_at + interval '90 days')";

    public const string Columns =
        "s.id, s.user_id, u.username, u.role, s.epoch, s.refresh_counter, s.expires_at - now() AS remaining, s.methods, u.email";

    /// <summary>The same with what an application's session may do.</summary>
    public const string ColumnsOfApplication = $"{Columns}, s.client_epoch, s.scopes, s.audience";

    /// <summary>
    /// Runs a statement that returns <see cref="Columns"/> for at most one session. It bypasses Entity Framework, which would take longer
    /// to build the query than PostgreSQL takes to answer: every refresh runs through here.
    /// </summary>
    public static Task<LiveSession?> FindAsync(
        NpgsqlCommand command, TimeProvider clock, CancellationToken cancellationToken, params NpgsqlParameter[] parameters) =>
        FindAsync(command, (_, session) => session, clock, parameters, cancellationToken);

    /// <summary>The same for <see cref="ColumnsOfApplication"/>, and for further columns that the caller reads.</summary>
    public static Task<ApplicationsSession?> FindOfApplicationAsync(
        NpgsqlCommand command, string clientId, Action<NpgsqlDataReader>? read, TimeProvider clock, CancellationToken cancellationToken,
        params NpgsqlParameter[] parameters) =>
        FindAsync(
            command,
            (row, session) =>
            {
                read?.Invoke(row);
                return new ApplicationsSession(session, new ApplicationGrant(
                    clientId, row.GetInt32(9), row.GetFieldValue<string[]>(10), row.IsDBNull(11) ? null : row.GetString(11)));
            },
            clock, parameters, cancellationToken);

    private static async Task<T?> FindAsync<T>(
        NpgsqlCommand command, Func<NpgsqlDataReader, LiveSession, T> read, TimeProvider clock, NpgsqlParameter[] parameters,
        CancellationToken cancellationToken)
        where T : class
    {
        await using (command)
        {
            command.Parameters.AddRange(parameters);
            var foundAt = clock.GetUtcNow();
            return await command.ReadCommittedRowAsync(
                row => read(row, new LiveSession(
                    row.GetGuid(0), row.GetGuid(1), row.GetString(2), row.IsDBNull(8) ? null : row.GetString(8), row.GetString(3),
                    row.GetInt32(4), row.GetInt32(5), row.GetTimeSpan(6), ProvedMethods.Read(row.GetString(7)), foundAt)),
                cancellationToken);
        }
    }
}

/// <summary>A live session of an application that a user let act for them.</summary>
internal sealed record ApplicationsSession(LiveSession Session, ApplicationGrant Grant)
{
    public TokenSession ForToken => Session.ForApplication(Grant);
}
