using System.Security.Claims;
using System.Text.Json.Serialization;
using AuthMesh.Errors;
using AuthMesh.Identity.Platform.Database;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace AuthMesh.Identity.Sessions;

public sealed record SessionsResponse(string Status, string Message, IReadOnlyList<SessionResponse> Sessions);

public sealed record SessionResponse(
    Guid Id, string Device, string Network,
    [property: JsonPropertyName("created_at")] DateTimeOffset CreatedAt,
    [property: JsonPropertyName("last_used_at")] DateTimeOffset LastUsedAt,
    [property: JsonPropertyName("expires_at")] DateTimeOffset ExpiresAt,
    bool Current);

/// <summary>Lists the caller's live sessions, most recently used first.</summary>
internal sealed class ListSessions(IdentityDb db)
{
    private const string Live =
        $"""
        {Caller.With}
        SELECT s.id AS "Id", s.device AS "Device", s.network AS "Network", s.created_at AS "CreatedAt", s.last_used_at AS "LastUsedAt",
            s.expires_at AS "ExpiresAt", s.id = u.session_id AS "Current"
        FROM caller u, sessions s WHERE {LiveSession.IsLiveSignIn}
        ORDER BY s.last_used_at DESC, s.id DESC
        """;

    public static void Map(IEndpointRouteBuilder group) => group.MapGet(
        "", (ClaimsPrincipal user, ListSessions listSessions, CancellationToken cancellationToken) =>
            listSessions.RunAsync(user, cancellationToken));

    public async Task<Results<Ok<SessionsResponse>, Failure>> RunAsync(ClaimsPrincipal user, CancellationToken cancellationToken)
    {
        var sessions = await db.Database.SqlQueryRaw<SessionResponse>(Live, [.. Caller.Of(user).Parameters]).ToListAsync(cancellationToken);
        return sessions.Count == 0 // not even the caller's own
            ? CommonFailures.InvalidToken()
            : TypedResults.Ok(new SessionsResponse(
                "success", sessions.Count == 1 ? "You are signed in here only" : $"You are signed in {sessions.Count} times", sessions));
    }
}
