using System.Collections;
using System.Diagnostics.Metrics;
using System.Globalization;

namespace AuthMesh.Identity.Platform;

/// <summary>
/// An event for the investigation of incidents. The methods below are the closed list of events; docs/security-events.md describes them,
/// pinned by a test. An event holds only ids and reasons: never a name, password, token, cookie or key.
/// </summary>
internal sealed record SecurityEvent
{
    private SecurityEvent(string kind, LogLevel level = LogLevel.Information) => (Kind, Level) = (kind, level);

    /// <summary>The event's name, in snake_case.</summary>
    public string Kind { get; }

    public LogLevel Level { get; }

    /// <summary>The account that the event is about. Null if none is, for example for a login with an unknown name.</summary>
    public Guid? UserId { get; private init; }

    /// <summary>The admin who acted; null if users acted on their own account.</summary>
    public Guid? AdminId { get; private init; }

    public Guid? SessionId { get; private init; }

    public Guid? ApplicationId { get; private init; }

    /// <summary>A signing key, a user's key, or a secret of an application.</summary>
    public string? KeyId { get; private init; }

    public Guid? PasskeyId { get; private init; }

    /// <summary>The cause or the change.</summary>
    public string? Reason { get; private init; }

    /// <summary>How many sessions ended.</summary>
    public int? SessionCount { get; private init; }

    /// <param name="adminId">The admin; null if a file declares the application.</param>
    /// <param name="applicationId">The application.</param>
    public static SecurityEvent ApplicationCreated(Guid? adminId, Guid applicationId) =>
        new("application_created") { AdminId = adminId, ApplicationId = applicationId };

    /// <summary>An admin or a file changed an application's settings, or disabled or enabled it.</summary>
    /// <param name="adminId">The admin; null if a file declares the application, or no longer does.</param>
    /// <param name="applicationId">The application.</param>
    /// <param name="changes">The names of the settings, or <c>disabled</c> or <c>enabled</c>, with commas between them.</param>
    public static SecurityEvent ApplicationChanged(Guid? adminId, Guid applicationId, string changes) =>
        new("application_changed") { AdminId = adminId, ApplicationId = applicationId, Reason = changes };

    public static SecurityEvent ApplicationDeleted(Guid adminId, Guid applicationId) =>
        new("application_deleted") { AdminId = adminId, ApplicationId = applicationId };

    public static SecurityEvent ApplicationSecretAdded(Guid adminId, Guid applicationId, Guid secretId) =>
        new("application_secret_added") { AdminId = adminId, ApplicationId = applicationId, KeyId = secretId.ToString() };

    public static SecurityEvent ApplicationSecretRemoved(Guid adminId, Guid applicationId, Guid secretId) =>
        new("application_secret_removed") { AdminId = adminId, ApplicationId = applicationId, KeyId = secretId.ToString() };

    /// <summary>An admin reported that a secret leaked. It is removed, and the application's tokens ended.</summary>
    public static SecurityEvent ApplicationSecretLeaked(Guid adminId, Guid applicationId, Guid secretId) =>
        new("application_secret_leaked", LogLevel.Warning)
        {
            AdminId = adminId, ApplicationId = applicationId, KeyId = secretId.ToString(),
        };

    /// <summary>An application got tokens for a user.</summary>
    public static SecurityEvent ApplicationSignedIn(Guid userId, Guid sessionId, Guid applicationId) =>
        new("application_signed_in") { UserId = userId, SessionId = sessionId, ApplicationId = applicationId };

    /// <summary>An application's code came a second time, from the application itself. The session of the first time ended.</summary>
    public static SecurityEvent CodeReused(Guid userId, Guid sessionId) =>
        new("code_reused", LogLevel.Warning) { UserId = userId, SessionId = sessionId };

    /// <summary>A user let an application act for them.</summary>
    public static SecurityEvent ConsentGiven(Guid userId, Guid sessionId, Guid applicationId) =>
        new("consent_given") { UserId = userId, SessionId = sessionId, ApplicationId = applicationId };

    /// <summary>A user refused what a device asked for. Somebody may have sent the user a code.</summary>
    public static SecurityEvent DeviceRefused(Guid userId, Guid sessionId, Guid applicationId) =>
        new("device_refused") { UserId = userId, SessionId = sessionId, ApplicationId = applicationId };

    /// <summary>A user withdrew what an application may do, or ended its sessions.</summary>
    public static SecurityEvent ConsentWithdrawn(Guid userId, Guid sessionId, Guid applicationId) =>
        new("consent_withdrawn") { UserId = userId, SessionId = sessionId, ApplicationId = applicationId };

    /// <summary>An application could not be told of the end of a session. Its own session for the user may go on.</summary>
    /// <param name="userId">The user.</param>
    /// <param name="sessionId">The session that ended.</param>
    /// <param name="reason">The application's <c>client_id</c> and what failed.</param>
    public static SecurityEvent LogoutUndelivered(Guid userId, Guid sessionId, string reason) =>
        new("logout_undelivered", LogLevel.Warning) { UserId = userId, SessionId = sessionId, Reason = reason };

    public static SecurityEvent UserRegistered(Guid userId) => new("user_registered") { UserId = userId };

    public static SecurityEvent LoginSucceeded(Guid userId, Guid sessionId) =>
        new("login_succeeded") { UserId = userId, SessionId = sessionId };

    public static SecurityEvent LoginFailed(Guid? userId, string reason) => new("login_failed") { UserId = userId, Reason = reason };

    /// <summary>Too many wrong passwords: the service refused the attempt before it checked the password.</summary>
    public static SecurityEvent LoginBlocked(Guid? userId, string limit) =>
        new("login_blocked") { UserId = userId, Reason = "too many for " + limit };

    /// <summary>A signed-in caller proved again who they are.</summary>
    public static SecurityEvent Reauthenticated(Guid userId, Guid sessionId, string method) =>
        new("reauthenticated") { UserId = userId, SessionId = sessionId, Reason = method };

    /// <summary>A signed-in caller had to give the password again and gave a wrong one.</summary>
    public static SecurityEvent ReauthenticationFailed(Guid userId, Guid sessionId, string reason) =>
        new("reauthentication_failed") { UserId = userId, SessionId = sessionId, Reason = reason };

    /// <summary>The password was right, and the account demands a second factor.</summary>
    public static SecurityEvent SecondFactorDemanded(Guid userId) => new("second_factor_demanded") { UserId = userId };

    /// <summary>A recovery code took the place of a second factor. It opens nothing again.</summary>
    public static SecurityEvent RecoveryCodeUsed(Guid userId) => new("recovery_code_used", LogLevel.Warning) { UserId = userId };

    /// <summary>The user turned an authenticator app on. A password alone does not sign in any more.</summary>
    public static SecurityEvent TotpEnabled(Guid userId, Guid sessionId) =>
        new("totp_enabled") { UserId = userId, SessionId = sessionId };

    public static SecurityEvent TotpDisabled(Guid userId, Guid sessionId) =>
        new("totp_disabled") { UserId = userId, SessionId = sessionId };

    public static SecurityEvent RecoveryCodesReplaced(Guid userId, Guid sessionId) =>
        new("recovery_codes_replaced") { UserId = userId, SessionId = sessionId };

    /// <summary>A user with a passkey decided whether the password needs a second factor.</summary>
    public static SecurityEvent TwoStepChanged(Guid userId, Guid sessionId, string state) =>
        new("two_step_changed") { UserId = userId, SessionId = sessionId, Reason = state };

    public static SecurityEvent TrustedDevicesForgotten(Guid userId, Guid sessionId) =>
        new("trusted_devices_forgotten") { UserId = userId, SessionId = sessionId };

    /// <summary>An admin removed a user's second factor.</summary>
    public static SecurityEvent SecondFactorRemoved(Guid adminId, Guid userId) =>
        new("second_factor_removed", LogLevel.Warning) { AdminId = adminId, UserId = userId };

    public static SecurityEvent SessionEnded(Guid? userId, Guid sessionId, string reason) =>
        new("session_ended") { UserId = userId, SessionId = sessionId, Reason = reason };

    /// <summary>The user ended all other sessions.</summary>
    public static SecurityEvent OtherSessionsEnded(Guid userId, Guid sessionId, int count) =>
        new("other_sessions_ended") { UserId = userId, SessionId = sessionId, SessionCount = count };

    /// <summary>A caller presented a refresh token that was replaced more than 30 seconds before. The session ended.</summary>
    public static SecurityEvent RefreshReused(Guid userId, Guid sessionId, int counter, int currentCounter) =>
        new("refresh_reused", LogLevel.Warning)
        {
            UserId = userId, SessionId = sessionId,
            Reason = string.Create(CultureInfo.InvariantCulture, $"token {counter}, session {currentCounter}"),
        };

    /// <summary>The user set a new password. All other sessions ended.</summary>
    public static SecurityEvent PasswordChanged(Guid userId, Guid sessionId) =>
        new("password_changed") { UserId = userId, SessionId = sessionId };

    /// <summary>A link from a mail or an admin set a password. All sessions ended.</summary>
    /// <param name="userId">The account.</param>
    /// <param name="purpose">The link's purpose.</param>
    public static SecurityEvent PasswordReset(Guid userId, string purpose) => new("password_reset") { UserId = userId, Reason = purpose };

    /// <summary>A user asked for another address, which is still to be proved.</summary>
    public static SecurityEvent EmailRequested(Guid userId, Guid sessionId) =>
        new("email_requested") { UserId = userId, SessionId = sessionId };

    public static SecurityEvent EmailVerified(Guid userId) => new("email_verified") { UserId = userId };

    public static SecurityEvent EmailRemoved(Guid userId, Guid sessionId) =>
        new("email_removed") { UserId = userId, SessionId = sessionId };

    /// <summary>The owner of a mailbox said that the account which asked for its address is not theirs.</summary>
    public static SecurityEvent EmailDisowned(Guid userId) => new("email_disowned") { UserId = userId };

    /// <summary>Another account proved the address that was this account's name.</summary>
    public static SecurityEvent UsernameReplaced(Guid userId) => new("username_replaced") { UserId = userId };

    public static SecurityEvent UserInvited(Guid adminId, Guid userId) => new("user_invited") { AdminId = adminId, UserId = userId };

    /// <summary>An admin gave a user a link that sets a password.</summary>
    /// <param name="adminId">The admin.</param>
    /// <param name="userId">The account.</param>
    /// <param name="way">Whether the admin saw the link.</param>
    public static SecurityEvent ResetIssued(Guid adminId, Guid userId, string way) =>
        new("reset_issued") { AdminId = adminId, UserId = userId, Reason = way };

    /// <summary>The user dropped the password. Only passkeys sign in to the account now.</summary>
    public static SecurityEvent PasswordRemoved(Guid userId, Guid sessionId) =>
        new("password_removed") { UserId = userId, SessionId = sessionId };

    public static SecurityEvent PasskeyAdded(Guid userId, Guid sessionId, Guid passkeyId) =>
        new("passkey_added") { UserId = userId, SessionId = sessionId, PasskeyId = passkeyId };

    public static SecurityEvent PasskeyRemoved(Guid userId, Guid sessionId, Guid passkeyId) =>
        new("passkey_removed") { UserId = userId, SessionId = sessionId, PasskeyId = passkeyId };

    /// <summary>A passkey signed with a count that it had used before, so somebody may have copied its key. It was refused.</summary>
    public static SecurityEvent PasskeyCounterRegressed(Guid userId, Guid passkeyId, string reason) =>
        new("passkey_counter_regressed", LogLevel.Warning) { UserId = userId, PasskeyId = passkeyId, Reason = reason };

    public static SecurityEvent KeyCreated(Guid userId, Guid sessionId, Guid keyId) =>
        new("key_created") { UserId = userId, SessionId = sessionId, KeyId = keyId.ToString() };

    public static SecurityEvent KeyDeleted(Guid userId, Guid sessionId, Guid keyId) =>
        new("key_deleted") { UserId = userId, SessionId = sessionId, KeyId = keyId.ToString() };

    /// <summary>Somebody who has a user's key said that it leaked. It ended.</summary>
    public static SecurityEvent KeyReported(Guid userId, Guid keyId) =>
        new("key_reported", LogLevel.Warning) { UserId = userId, KeyId = keyId.ToString() };

    public static SecurityEvent UserRoleChanged(Guid adminId, Guid userId, string oldRole, string newRole) =>
        new("user_role_changed") { AdminId = adminId, UserId = userId, Reason = $"{oldRole} to {newRole}" };

    public static SecurityEvent UserDisabled(Guid adminId, Guid userId) => new("user_disabled") { AdminId = adminId, UserId = userId };

    public static SecurityEvent UserEnabled(Guid adminId, Guid userId) => new("user_enabled") { AdminId = adminId, UserId = userId };

    /// <param name="adminId">Null if users deleted their own account.</param>
    /// <param name="userId">The account.</param>
    public static SecurityEvent UserDeleted(Guid? adminId, Guid userId) => new("user_deleted") { AdminId = adminId, UserId = userId };

    /// <summary>An admin signed a user out everywhere.</summary>
    public static SecurityEvent SignedOutEverywhere(Guid adminId, Guid userId, int count) =>
        new("signed_out_everywhere") { AdminId = adminId, UserId = userId, SessionCount = count };

    /// <summary>An admin tried to demote, disable or delete the last active admin.</summary>
    public static SecurityEvent LastAdminKept(Guid adminId, Guid userId) => new("last_admin_kept") { AdminId = adminId, UserId = userId };

    public static SecurityEvent SigningKeyRotated(string keyId) => new("signing_key_rotated") { KeyId = keyId };

    public static SecurityEvent SigningKeyDistrusted(string keyId) => new("signing_key_distrusted", LogLevel.Warning) { KeyId = keyId };

    public static SecurityEvent RingResealed() => new("ring_resealed");

    /// <summary>An operator gave an admin a new password, or created an admin.</summary>
    public static SecurityEvent AdminRecovered(Guid userId) => new("admin_recovered", LogLevel.Warning) { UserId = userId };
}

/// <summary>
/// Counts each <see cref="SecurityEvent"/>, and writes it as one structured log line of the category <see cref="Category"/>.
/// </summary>
internal sealed class SecurityEvents
{
    public const string Category = "AuthMesh.Security";

    // Alerts look for an increase, and a series that begins with its first event has none.
    internal static readonly string[] CountedFromZero =
    [
        "login_succeeded", "login_failed", "login_blocked", "second_factor_demanded", "refresh_reused", "passkey_counter_regressed",
        "recovery_code_used", "key_reported", "signing_key_distrusted", "admin_recovered", "logout_undelivered",
    ];

    private readonly CallerAddress callerAddress;
    private readonly ILogger logger;
    private readonly Counter<long> events;

    public SecurityEvents(ILoggerFactory loggers, CallerAddress callerAddress, IMeterFactory meters)
    {
        this.callerAddress = callerAddress;
        logger = loggers.CreateLogger(Category);
        events = meters.Create("AuthMesh.Identity").CreateCounter<long>(
            "authmesh.security.events", "{event}", "Security events, by event. Sign-ins are among them, by outcome.");
        foreach (var kind in CountedFromZero)
        {
            Count(kind, 0);
        }
    }

    /// <param name="securityEvent">The event.</param>
    /// <param name="context">The request that caused it, whose network is logged; null if an operator or the service itself acted.</param>
    public void Write(SecurityEvent securityEvent, HttpContext? context)
    {
        Count(securityEvent.Kind, 1);
        if (logger.IsEnabled(securityEvent.Level))
        {
            var network = context is null ? null : callerAddress.NetworkOf(context);
            logger.Log(
                securityEvent.Level, new EventId(0, securityEvent.Kind), new Line(securityEvent, network), null,
                static (line, _) => line.ToString());
        }
    }

    private void Count(string kind, int number) => events.Add(number, new KeyValuePair<string, object?>("event", kind));

    /// <summary>The fields that have a value, under their names in structured logs.</summary>
    private sealed class Line : IReadOnlyList<KeyValuePair<string, object?>>
    {
        private readonly List<KeyValuePair<string, object?>> fields = [];

        public Line(SecurityEvent e, string? network)
        {
            Add("Event", e.Kind);
            Add("UserId", e.UserId);
            Add("AdminId", e.AdminId);
            Add("SessionId", e.SessionId);
            Add("ApplicationId", e.ApplicationId);
            Add("KeyId", e.KeyId);
            Add("PasskeyId", e.PasskeyId);
            Add("SessionCount", e.SessionCount);
            Add("Reason", e.Reason);
            Add("Network", network);
        }

        public int Count => fields.Count;

        public KeyValuePair<string, object?> this[int index] => fields[index];

        public IEnumerator<KeyValuePair<string, object?>> GetEnumerator() => fields.GetEnumerator();

        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

        // login_failed UserId=… Reason="wrong password" Network=203.0.113.7
        public override string ToString() =>
            string.Join(' ', fields.Select((field, i) => i == 0 ? field.Value : $"{field.Key}={Quote(field.Value)}"));

        private static string Quote(object? value) =>
            value is string text && text.Contains(' ', StringComparison.Ordinal) ? $"\"{text}\""
            : string.Create(CultureInfo.InvariantCulture, $"{value}");

        private void Add(string name, object? value)
        {
            if (value is not (null or ""))
            {
                fields.Add(new KeyValuePair<string, object?>(name, value));
            }
        }
    }
}
