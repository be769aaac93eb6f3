using System.Text.Json.Serialization;
using AuthMesh.Identity.Admin;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace AuthMesh.Identity.Applications;

/// <param name="Id">The <c>sub</c> of the tokens that it gets in its own name.</param>
/// <param name="ClientId">By which it is known.</param>
/// <param name="Kind">One of <see cref="ApplicationKind"/>.</param>
/// <param name="Name">How people call it.</param>
/// <param name="FirstParty">Whether it is the team's own.</param>
/// <param name="Grants">How it gets tokens.</param>
/// <param name="Scopes">What it may do.</param>
/// <param name="RedirectUris">Where a sign-in may lead back to.</param>
/// <param name="PostLogoutRedirectUris">Where a sign-out may lead back to.</param>
/// <param name="BackchannelLogoutUri">Where it is told of the end of a session; null if nowhere.</param>
/// <param name="Audiences">For which audiences it may ask, beside the mesh itself.</param>
/// <param name="RequireConsent">Whether users are asked before it acts for them.</param>
/// <param name="RequirePushedRequests">Whether it must push its authorization requests.</param>
/// <param name="Jwks">The keys by which it authenticates; null if it has none.</param>
/// <param name="Declared">Whether a file declares it: see <see cref="ApplicationOptions.File"/>. Then no request changes it.</param>
/// <param name="Disabled">Whether it gets no tokens.</param>
/// <param name="CreatedAt">When an admin or the file created it.</param>
/// <param name="LastUsedAt">When it last got a token, to the minute; null if it has no session.</param>
/// <param name="Secrets">Its secrets, oldest first.</param>
public sealed record ApplicationResponse(
    Guid Id, [property: JsonPropertyName("client_id")] string ClientId, string Kind, string Name,
    [property: JsonPropertyName("first_party")] bool FirstParty, IReadOnlyList<string> Grants, IReadOnlyList<string> Scopes,
    [property: JsonPropertyName("redirect_uris")] IReadOnlyList<string> RedirectUris,
    [property: JsonPropertyName("post_logout_redirect_uris")] IReadOnlyList<string> PostLogoutRedirectUris,
    [property: JsonPropertyName("backchannel_logout_uri")] string? BackchannelLogoutUri,
    IReadOnlyList<string> Audiences,
    [property: JsonPropertyName("require_consent")] bool RequireConsent,
    [property: JsonPropertyName("require_pushed_requests")] bool RequirePushedRequests,
    ClientKeySet? Jwks, bool Declared, bool Disabled,
    [property: JsonPropertyName("created_at")] DateTimeOffset CreatedAt,
    [property: JsonPropertyName("last_used_at")] DateTimeOffset? LastUsedAt, IReadOnlyList<SecretResponse> Secrets);

public sealed record SecretResponse(Guid Id, [property: JsonPropertyName("created_at")] DateTimeOffset CreatedAt);

public sealed record ShowApplicationResponse(string Status, string Message, ApplicationResponse Application);

internal static class ApplicationRows
{
    private const string Columns =
        $"""
        SELECT a.id AS "Id", a.client_id AS "ClientId", a.kind AS "Kind", a.name AS "Name", a.is_first_party AS "FirstParty",
            a.grants AS "Grants", a.scopes AS "Scopes", a.redirect_uris AS "RedirectUris",
            a.post_logout_redirect_uris AS "PostLogoutRedirectUris", a.backchannel_logout_uri AS "BackchannelLogoutUri",
            a.audiences AS "Audiences", a.require_consent AS "RequireConsent", a.require_pushed_requests AS "RequirePushedRequests",
            a.jwks::text AS "Jwks", a.declared_version IS NOT NULL AS "Declared", a.disabled_at IS NOT NULL AS "Disabled",
            a.created_at AS "CreatedAt",
            (SELECT max(s.last_used_at) FROM sessions s WHERE s.application_id = a.id AND s.ended_at IS NULL) AS "LastUsedAt"
        """;

    private const string OfAll = $"{AdminCaller.With} {Columns} FROM admin, applications a ORDER BY a.client_id";
    private const string SecretsOfAll =
        $"""
        {AdminCaller.With}
        SELECT s.id AS "Id", s.application_id AS "ApplicationId", s.created_at AS "CreatedAt"
        FROM admin, application_secrets s ORDER BY s.created_at, s.id
        """;

    /// <returns>All applications in the order of their <c>client_id</c>; none if the caller is no admin.</returns>
    public static async Task<IReadOnlyList<ApplicationResponse>> ListAsync(
        IdentityDb db, Caller caller, CancellationToken cancellationToken)
    {
        var rows = await db.Database.SqlQueryRaw<Row>(OfAll, [.. caller.Parameters]).ToListAsync(cancellationToken);
        var secrets = (await db.Database.SqlQueryRaw<SecretRow>(SecretsOfAll, [.. caller.Parameters]).ToListAsync(cancellationToken))
            .ToLookup(secret => secret.ApplicationId, secret => new SecretResponse(secret.Id, secret.CreatedAt));
        return [.. rows.Select(row => row.With(secrets[row.Id]))];
    }

    /// <summary>Reads one application in the transaction that changed it. The caller was checked there.</summary>
    public static async Task<ApplicationResponse> ReadAsync(IdentityDb db, Guid id, CancellationToken cancellationToken)
    {
        var row = await db.Database.SqlQueryRaw<Row>($"{Columns} FROM applications a WHERE a.id = @id", new NpgsqlParameter("id", id))
            .ToListAsync(cancellationToken);
        var secrets = await db.Database.SqlQueryRaw<SecretRow>(
            """
            SELECT id AS "Id", application_id AS "ApplicationId", created_at AS "CreatedAt" FROM application_secrets
            WHERE application_id = @id ORDER BY created_at, id
            """,
            new NpgsqlParameter("id", id)).ToListAsync(cancellationToken);
        return row[0].With(secrets.Select(secret => new SecretResponse(secret.Id, secret.CreatedAt)));
    }

    private sealed record Row(
        Guid Id, string ClientId, string Kind, string Name, bool FirstParty, string[] Grants, string[] Scopes, string[] RedirectUris,
        string[] PostLogoutRedirectUris, string? BackchannelLogoutUri, string[] Audiences, bool RequireConsent, bool RequirePushedRequests,
        string? Jwks, bool Declared, bool Disabled, DateTimeOffset CreatedAt, DateTimeOffset? LastUsedAt)
    {
        public ApplicationResponse With(IEnumerable<SecretResponse> secrets) => new(
            Id, ClientId, Kind, Name, FirstParty, Grants, Scopes, RedirectUris, PostLogoutRedirectUris, BackchannelLogoutUri, Audiences,
            RequireConsent, RequirePushedRequests, ClientKeySet.Parse(Jwks), Declared, Disabled, CreatedAt, LastUsedAt, [.. secrets]);
    }

    private sealed record SecretRow(Guid Id, Guid ApplicationId, DateTimeOffset CreatedAt);
}
