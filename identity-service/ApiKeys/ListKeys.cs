using System.Text.Json.Serialization;
using AuthMesh.Errors;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace AuthMesh.Identity.ApiKeys;

public sealed record KeysResponse(string Status, string Message, IReadOnlyList<KeyResponse> Keys);

/// <param name="LastUsedAt">When a gateway last got a token for it, to the minute; null if never.</param>
public sealed record KeyResponse(
    Guid Id, string Name, IReadOnlyList<string> Scopes,
    [property: JsonPropertyName("created_at")] DateTimeOffset CreatedAt,
    [property: JsonPropertyName("last_used_at")] DateTimeOffset? LastUsedAt,
    [property: JsonPropertyName("expires_at")] DateTimeOffset ExpiresAt);

/// <summary>Lists the caller's live keys, oldest first.</summary>
internal sealed class ListKeys(IdentityDb db)
{
    private const string Find =
        $"""
        {Caller.WithAnyKind}
        SELECT k.id AS "Id", k.name AS "Name", k.scopes AS "Scopes", k.created_at AS "CreatedAt",
            CASE WHEN k.last_used_at > k.created_at THEN k.last_used_at END AS "LastUsedAt", k.expires_at AS "ExpiresAt"
        FROM caller LEFT JOIN LATERAL (
            SELECT s.* FROM sessions s, users u WHERE u.id = caller.id AND {LiveSession.IsLiveKey}) k ON true
        ORDER BY k.created_at, k.id
        """;

    public static void Map(IEndpointRouteBuilder group) => group.MapGet(
        "", (HttpContext context, ListKeys list, CancellationToken cancellationToken) => list.RunAsync(context, cancellationToken));

    public async Task<Results<Ok<KeysResponse>, Failure>> RunAsync(HttpContext context, CancellationToken cancellationToken)
    {
        // A live caller without keys is one row without values.
        var rows = await db.Database.SqlQueryRaw<Row>(Find, [.. Caller.Of(context.User).Parameters]).ToListAsync(cancellationToken);
        if (rows is [])
        {
            return CommonFailures.InvalidToken();
        }

        List<KeyResponse> keys = [.. rows.Where(row => row.Id is not null).Select(
            row => new KeyResponse(
                row.Id!.Value, row.Name!, row.Scopes!, row.CreatedAt!.Value, row.LastUsedAt, row.ExpiresAt!.Value))];
        return TypedResults.Ok(new KeysResponse("success", keys.Count == 1 ? "You have 1 key" : $"You have {keys.Count} keys", keys));
    }

    private sealed record Row(
        Guid? Id, string? Name, string[]? Scopes, DateTimeOffset? CreatedAt, DateTimeOffset? LastUsedAt, DateTimeOffset? ExpiresAt);
}
