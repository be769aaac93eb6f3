using System.Security.Claims;
using AuthMesh.Access;
using AuthMesh.Errors;
using AuthMesh.Identity.Admin;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using AuthMesh.Requests;
using AuthMesh.Tokens;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Npgsql;

namespace AuthMesh.Identity.Applications;

internal sealed record LockedApplication(Guid Id, string ClientId, bool IsDisabled, ApplicationSettings Settings);

/// <summary>
/// Checks that the caller is an admin with a recent proof, and locks the application until the transaction ends. Changes of one application
/// follow one another, and a grant that starts a session waits for them (<see cref="ServiceSession"/>).
/// </summary>
internal sealed class LockApplication(IdentityDb db, IOptions<AdminOptions> options)
{
    public static readonly Failure NotFound = new(
        StatusCodes.Status404NotFound, "application_not_found", "There is no such application");

    private const string Lock =
        """
        SELECT id AS "Id", client_id AS "ClientId", disabled_at IS NOT NULL AS "IsDisabled", kind AS "Kind", name AS "Name",
            is_first_party AS "IsFirstParty", grants AS "Grants", scopes AS "Scopes", redirect_uris AS "RedirectUris",
            post_logout_redirect_uris AS "PostLogoutRedirectUris", backchannel_logout_uri AS "BackchannelLogoutUri",
            audiences AS "Audiences", require_consent AS "RequireConsent", require_pushed_requests AS "RequirePushedRequests"
        FROM applications WHERE id = @id FOR NO KEY UPDATE
        """;

    // A statement of its own, so that it sees a session that a grant has just started. A service has one session, and its tokens no epoch.
    private const string End =
        """
        WITH raised AS (UPDATE applications SET epoch = nextval('application_epochs') WHERE id = @id AND kind <> 'service')
        UPDATE sessions SET ended_at = now() WHERE application_id = @id AND kind = 'service' AND ended_at IS NULL AND expires_at > now()
        """;

    /// <returns>Why this caller may change no application, or null. The caller then stays an admin until the transaction ends.</returns>
    public async Task<Failure?> RefuseAsync(ClaimsPrincipal user, CancellationToken cancellationToken)
    {
        var (caller, demandsTwo) = (Caller.Of(user), options.Value.RequireTwoFactors);
        if (demandsTwo && !user.HasClaim(AccessTokenClaims.Assurance, Assurance.TwoFactors))
        {
            return AdminCaller.TwoFactorsDemanded; // the statements know the stored session alone
        }

        if (await AdminCaller.FindFaultAsync(db, user, isChange: true, cancellationToken, demandsTwo) is { } fault)
        {
            return fault; // a caller who is no admin gets no lock
        }

        await UserLock.TakeAsync(db, caller.UserId, cancellationToken);
        return await AdminCaller.FindFaultAsync(db, user, isChange: true, cancellationToken, demandsTwo); // again, behind the lock
    }

    public async Task<(LockedApplication? Application, Failure? Refusal)> RunAsync(
        ClaimsPrincipal user, string id, CancellationToken cancellationToken)
    {
        if (await RefuseAsync(user, cancellationToken) is { } refusal)
        {
            return (null, refusal);
        }

        var applicationId = RequestText.TryReadId(id, out var parsed) ? parsed : Guid.Empty; // no application has this id
        return await db.Database.SqlQueryRaw<Row>(Lock, new NpgsqlParameter("id", applicationId))
            .ToListAsync(cancellationToken) is [var found] ? (found.ToApplication(), null) : (null, NotFound);
    }

    /// <summary>
    /// Ends the tokens of a locked application. The triggers <c>application_epoch_raised</c> and <c>session_ended</c> notify every
    /// verifier.
    /// </summary>
    public Task EndTokensAsync(Guid id, CancellationToken cancellationToken) =>
        db.Database.ExecuteSqlRawAsync(End, [new NpgsqlParameter("id", id)], cancellationToken);

    private sealed record Row(
        Guid Id, string ClientId, bool IsDisabled, string Kind, string Name, bool IsFirstParty, string[] Grants, string[] Scopes,
        string[] RedirectUris, string[] PostLogoutRedirectUris, string? BackchannelLogoutUri, string[] Audiences, bool RequireConsent,
        bool RequirePushedRequests)
    {
        public LockedApplication ToApplication() => new(Id, ClientId, IsDisabled, new ApplicationSettings(
            Kind, Name, IsFirstParty, Grants, Scopes, RedirectUris, PostLogoutRedirectUris, BackchannelLogoutUri, Audiences,
            RequireConsent, RequirePushedRequests));
    }
}
