using System.Text.Json.Serialization;
using AuthMesh.Errors;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace AuthMesh.Identity.OpenId;

public sealed record AllowedApplicationsResponse(string Status, string Message, IReadOnlyList<AllowedApplicationResponse> Applications);

/// <param name="Id">The application's.</param>
/// <param name="ClientId">By which it is known.</param>
/// <param name="Name">How people call it.</param>
/// <param name="Scopes">What it may do: what the user allowed, and what its sessions hold.</param>
/// <param name="FirstParty">Whether it is the team's own. Such an application may act without having asked.</param>
/// <param name="GrantedAt">When the user last allowed it; when its oldest session began if it did not ask.</param>
/// <param name="LastUsedAt">When one of its sessions last got a token; null without a session.</param>
/// <param name="Sessions">How many of its sessions are live.</param>
/// <param name="Offline">Whether one of them goes on when the sign-in that allowed it ends.</param>
public sealed record AllowedApplicationResponse(
    Guid Id, [property: JsonPropertyName("client_id")] string ClientId, string Name, IReadOnlyList<string> Scopes,
    [property: JsonPropertyName("first_party")] bool FirstParty,
    [property: JsonPropertyName("granted_at")] DateTimeOffset GrantedAt,
    [property: JsonPropertyName("last_used_at")] DateTimeOffset? LastUsedAt,
    int Sessions, bool Offline);

/// <summary>
/// Lists the applications that may act for the caller, by name: those that the caller allowed, and those with a live session.
/// </summary>
internal sealed class ListAllowedApplications(IdentityDb db)
{
    private const string Find =
        $"""
        {Caller.With},
        live AS (SELECT s.* FROM caller u, sessions s WHERE {LiveSession.IsLiveApplication}),
        allowed AS (SELECT c.* FROM caller u JOIN consents c ON c.user_id = u.id)
        SELECT a.id AS "Id", a.client_id AS "ClientId", a.name AS "Name", a.is_first_party AS "FirstParty",
            ARRAY(
                SELECT unnest(c.scopes) FROM allowed c WHERE c.application_id = a.id
                UNION SELECT unnest(s.scopes) FROM live s WHERE s.application_id = a.id ORDER BY 1) AS "Scopes",
            COALESCE((SELECT c.granted_at FROM allowed c WHERE c.application_id = a.id), used.first) AS "GrantedAt",
            used.last AS "LastUsedAt", used.sessions AS "Sessions", used.is_offline AS "Offline"
        FROM caller LEFT JOIN (
            applications a CROSS JOIN LATERAL (
                SELECT count(*)::int AS sessions, min(s.created_at) AS first, max(s.last_used_at) AS last,
                    COALESCE(bool_or(s.parent_id IS NULL), false) AS is_offline
                FROM live s WHERE s.application_id = a.id) used)
            ON a.id IN (SELECT application_id FROM live UNION SELECT application_id FROM allowed)
        ORDER BY lower(a.name), a.client_id
        """;

    public static void Map(IEndpointRouteBuilder group) => group.MapGet(
        "", (HttpContext context, ListAllowedApplications list, CancellationToken cancellationToken) =>
            list.RunAsync(context, cancellationToken));

    public async Task<Results<Ok<AllowedApplicationsResponse>, Failure>> RunAsync(HttpContext context, CancellationToken cancellationToken)
    {
        // A live caller without applications is one row without values.
        var rows = await db.Database.SqlQueryRaw<Row>(Find, [.. Caller.Of(context.User).Parameters]).ToListAsync(cancellationToken);
        if (rows is [])
        {
            return CommonFailures.InvalidToken();
        }

        List<AllowedApplicationResponse> applications = [.. rows.Where(row => row.Id is not null).Select(
            row => new AllowedApplicationResponse(
                row.Id!.Value, row.ClientId!, row.Name!, row.Scopes!, row.FirstParty!.Value, row.GrantedAt!.Value, row.LastUsedAt,
                row.Sessions!.Value, row.Offline!.Value))];
        return TypedResults.Ok(new AllowedApplicationsResponse(
            "success", applications.Count == 1 ? "1 application may act for you" : $"{applications.Count} applications may act for you",
            applications));
    }

    private sealed record Row(
        Guid? Id, string? ClientId, string? Name, string[]? Scopes, bool? FirstParty, DateTimeOffset? GrantedAt, DateTimeOffset? LastUsedAt,
        int? Sessions, bool? Offline);
}
