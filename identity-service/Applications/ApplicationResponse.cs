using System.Text.Json.Serialization;
using AuthMesh.Identity.Admin;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace AuthMesh.Identity.Applications;

/// <param name="Id">The <c>sub</c> of the application's tokens.</param>
/// <param name="ClientId">By which it authenticates.</param>
/// <param name="Name">How people call it.</param>
/// <param name="Scopes">What it may do.</param>
/// <param name="Disabled">Whether it gets no tokens.</param>
/// <param name="CreatedAt">When an admin created it.</param>
/// <param name="LastUsedAt">When it last got a token, to the minute; null if it has no live session.</param>
/// <param name="Secrets">Its secrets, oldest first.</param>
public sealed record ApplicationResponse(
    Guid Id, [property: JsonPropertyName("client_id")] string ClientId, string Name, IReadOnlyList<string> Scopes, bool Disabled,
    [property: JsonPropertyName("created_at")] DateTimeOffset CreatedAt,
    [property: JsonPropertyName("last_used_at")] DateTimeOffset? LastUsedAt, IReadOnlyList<SecretResponse> Secrets);

public sealed record SecretResponse(Guid Id, [property: JsonPropertyName("created_at")] DateTimeOffset CreatedAt);

public sealed record ShowApplicationResponse(string Status, string Message, ApplicationResponse Application);

internal static class ApplicationRows
{
    private const string Columns =
        $"""
        SELECT a.id AS "Id", a.client_id AS "ClientId", a.name AS "Name", a.scopes AS "Scopes",
            a.disabled_at IS NOT NULL AS "Disabled", a.created_at AS "CreatedAt",
            (SELECT max(s.last_used_at) FROM sessions s WHERE {LiveSession.IsLiveService}) AS "LastUsedAt"
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
        Guid Id, string ClientId, string Name, string[] Scopes, bool Disabled, DateTimeOffset CreatedAt, DateTimeOffset? LastUsedAt)
    {
        public ApplicationResponse With(IEnumerable<SecretResponse> secrets) =>
            new(Id, ClientId, Name, Scopes, Disabled, CreatedAt, LastUsedAt, [.. secrets]);
    }

    private sealed record SecretRow(Guid Id, Guid ApplicationId, DateTimeOffset CreatedAt);
}
