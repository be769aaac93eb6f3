using AuthMesh.Identity.Platform.Database;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using NpgsqlTypes;

namespace AuthMesh.Identity.Applications;

/// <summary>Stores applications, for admins and for the file that declares applications. It runs in the caller's transaction.</summary>
internal sealed class StoreApplication(IdentityDb db)
{
    private const string Insert =
        """
        INSERT INTO applications (
            id, client_id, kind, name, is_first_party, grants, scopes, redirect_uris, post_logout_redirect_uris, backchannel_logout_uri,
            audiences, require_consent, require_pushed_requests, jwks, disabled_at, declared_version, created_at)
        VALUES (
            @id, @client_id, @kind, @name, @is_first_party, @grants, @scopes, @redirect_uris, @post_logout_redirect_uris,
            @backchannel_logout_uri, @audiences, @require_consent, @require_pushed_requests, @jwks, CASE WHEN @disabled THEN now() END,
            @declared_version, now())
        ON CONFLICT (client_id) DO NOTHING
        """;

    private const string Change =
        """
        UPDATE applications SET name = @name, is_first_party = @is_first_party, grants = @grants, scopes = @scopes,
            redirect_uris = @redirect_uris, post_logout_redirect_uris = @post_logout_redirect_uris,
            backchannel_logout_uri = @backchannel_logout_uri, audiences = @audiences, require_consent = @require_consent,
            require_pushed_requests = @require_pushed_requests, jwks = @jwks, declared_version = @declared_version,
            disabled_at = CASE WHEN @disabled THEN coalesce(disabled_at, now()) END
        WHERE id = @id
        """;

    // A statement of its own, so that it sees a session that a grant has just started. A service has one session, and its tokens no epoch.
    private const string End =
        """
        WITH raised AS (UPDATE applications SET epoch = nextval('application_epochs') WHERE id = @id AND kind <> 'service')
        UPDATE sessions SET ended_at = now() WHERE application_id = @id AND kind = 'service' AND ended_at IS NULL AND expires_at > now()
        """;

    /// <param name="id">The new application's.</param>
    /// <param name="clientId">Its name.</param>
    /// <param name="settings">Without faults.</param>
    /// <param name="isDisabled">Whether it gets no tokens.</param>
    /// <param name="declaredVersion">The version of the file that declares it; null if an admin creates it.</param>
    /// <param name="cancellationToken">Cancels the statement.</param>
    /// <returns>Whether the client_id was free.</returns>
    public async Task<bool> AddAsync(
        Guid id, string clientId, ApplicationSettings settings, bool isDisabled, int? declaredVersion,
        CancellationToken cancellationToken) =>
        await db.Database.ExecuteSqlRawAsync(
            Insert, [.. ParametersOf(id, settings, isDisabled, declaredVersion), new NpgsqlParameter("client_id", clientId)],
            cancellationToken) > 0;

    /// <summary>
    /// Changes a locked application. A disabling, and a change that takes something away, end its tokens within a second.
    /// </summary>
    /// <returns>
    /// What changed, for <see cref="Platform.SecurityEvent.ApplicationChanged"/>: names of settings, <c>disabled</c> or <c>enabled</c>.
    /// </returns>
    public async Task<string> ChangeAsync(
        LockedApplication application, ApplicationSettings settings, bool isDisabled, int? declaredVersion,
        CancellationToken cancellationToken)
    {
        await db.Database.ExecuteSqlRawAsync(
            Change,
            ParametersOf(application.Id, settings, isDisabled, declaredVersion).Where(parameter => parameter.ParameterName != "kind"),
            cancellationToken);
        if (isDisabled || settings.TakesAwayFrom(application.Settings))
        {
            await EndTokensAsync(application.Id, cancellationToken);
        }

        return string.Join(
            ", ", (string[])
            [
                .. isDisabled == application.IsDisabled ? [] : (string[])[isDisabled ? "disabled" : "enabled"],
                .. settings.FindDifferences(application.Settings),
            ]);
    }

    /// <summary>
    /// Ends the tokens of a locked application. The triggers <c>application_epoch_raised</c> and <c>session_ended</c> notify every
    /// verifier.
    /// </summary>
    public Task EndTokensAsync(Guid id, CancellationToken cancellationToken) =>
        db.Database.ExecuteSqlRawAsync(End, [new NpgsqlParameter("id", id)], cancellationToken);

    private static NpgsqlParameter[] ParametersOf(Guid id, ApplicationSettings settings, bool isDisabled, int? declaredVersion) =>
    [
        .. settings.Parameters, new("id", id), new("disabled", isDisabled),
        new("declared_version", NpgsqlDbType.Integer) { Value = (object?)declaredVersion ?? DBNull.Value },
    ];
}
