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

/// <param name="DeclaredVersion">The version of the file that declares it; null if admins manage it.</param>
internal sealed record LockedApplication(
    Guid Id, string ClientId, bool IsDisabled, int? DeclaredVersion, ApplicationSettings Settings);

/// <summary>
/// Checks that the caller is an admin with a recent proof, and locks the application until the transaction ends. Changes of one application
/// follow one another, and a grant that starts a session waits for them.
/// </summary>
internal sealed class LockApplication(IdentityDb db, IOptions<AdminOptions> options)
{
    public static readonly Failure
        NotFound = new(StatusCodes.Status404NotFound, "application_not_found", "There is no such application"),
        Declared = new(
            StatusCodes.Status409Conflict, "declared_application",
            "A file of the identity service declares this application: change it there");

    private const string Columns =
        """
        SELECT id AS "Id", client_id AS "ClientId", disabled_at IS NOT NULL AS "IsDisabled", declared_version AS "DeclaredVersion",
            kind AS "Kind", name AS "Name",
            is_first_party AS "IsFirstParty", grants AS "Grants", scopes AS "Scopes", redirect_uris AS "RedirectUris",
            post_logout_redirect_uris AS "PostLogoutRedirectUris", backchannel_logout_uri AS "BackchannelLogoutUri",
            audiences AS "Audiences", require_consent AS "RequireConsent", require_pushed_requests AS "RequirePushedRequests",
            jwks::text AS "Jwks"
        FROM applications
        """;

    private const string Lock = $"{Columns} WHERE id = @id FOR NO KEY UPDATE";

    private const string LockDeclared =
        $"{Columns} WHERE client_id = ANY (@client_ids) OR declared_version IS NOT NULL ORDER BY client_id FOR NO KEY UPDATE";

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

    /// <returns>The locked application, or why this caller may not change it.</returns>
    public async Task<(LockedApplication? Application, Failure? Refusal)> RunAsync(
        ClaimsPrincipal user, string id, CancellationToken cancellationToken)
    {
        if (await RefuseAsync(user, cancellationToken) is { } refusal)
        {
            return (null, refusal);
        }

        var applicationId = RequestText.TryReadId(id, out var parsed) ? parsed : Guid.Empty; // no application has this id
        return await db.Database.SqlQueryRaw<Row>(Lock, new NpgsqlParameter("id", applicationId))
            .ToListAsync(cancellationToken) switch
        {
            [{ DeclaredVersion: null } found] => (found.ToApplication(), null),
            [_] => (null, Declared),
            _ => (null, NotFound),
        };
    }

    /// <summary>Locks the applications with these names, and all that the file declared before. No caller is checked.</summary>
    public static async Task<IReadOnlyList<LockedApplication>> RunForFileAsync(
        IdentityDb db, string[] clientIds, CancellationToken cancellationToken) =>
        [.. (await db.Database.SqlQueryRaw<Row>(LockDeclared, new NpgsqlParameter("client_ids", clientIds)).ToListAsync(cancellationToken))
            .Select(row => row.ToApplication())];

    private sealed record Row(
        Guid Id, string ClientId, bool IsDisabled, int? DeclaredVersion, string Kind, string Name, bool IsFirstParty, string[] Grants,
        string[] Scopes, string[] RedirectUris, string[] PostLogoutRedirectUris, string? BackchannelLogoutUri, string[] Audiences,
        bool RequireConsent, bool RequirePushedRequests, string? Jwks)
    {
        public LockedApplication ToApplication() => new(Id, ClientId, IsDisabled, DeclaredVersion, new ApplicationSettings(
            Kind, Name, IsFirstParty, Grants, Scopes, RedirectUris, PostLogoutRedirectUris, BackchannelLogoutUri, Audiences,
            RequireConsent, RequirePushedRequests, ClientKeySet.Parse(Jwks)));
    }
}
