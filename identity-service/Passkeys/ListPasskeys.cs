using System.Text.Json.Serialization;
using AuthMesh.Errors;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace AuthMesh.Identity.Passkeys;

public sealed record PasskeysResponse(string Status, string Message, IReadOnlyList<PasskeyResponse> Passkeys);

/// <param name="BackedUp">Whether the authenticator had copied the key to other devices at its last use.</param>
public sealed record PasskeyResponse(
    Guid Id, string Name,
    [property: JsonPropertyName("created_at")] DateTimeOffset CreatedAt,
    [property: JsonPropertyName("last_used_at")] DateTimeOffset? LastUsedAt,
    [property: JsonPropertyName("backed_up")] bool BackedUp);

internal sealed class ListPasskeys(IdentityDb db)
{
    private const string Find =
        $"""
        {Caller.With}
        SELECT p.id AS "Id", p.name AS "Name", p.created_at AS "CreatedAt", p.last_used_at AS "LastUsedAt", p.is_backed_up AS "BackedUp"
        FROM caller LEFT JOIN passkeys p ON p.user_id = caller.id ORDER BY p.created_at, p.id
        """;

    public static void Map(IEndpointRouteBuilder group) => group.MapGet("", HandleAsync);

    /// <returns>The caller's passkeys, oldest first; null if the session has ended.</returns>
    public async Task<IReadOnlyList<PasskeyResponse>?> RunAsync(HttpContext context, CancellationToken cancellationToken)
    {
        // A live caller without passkeys is one row without values.
        var rows = await db.Database.SqlQueryRaw<Row>(Find, [.. Caller.Of(context.User).Parameters]).ToListAsync(cancellationToken);
        return rows is [] ? null
            : [.. rows.Where(row => row.Id is not null).Select(
                row => new PasskeyResponse(row.Id!.Value, row.Name!, row.CreatedAt!.Value, row.LastUsedAt, row.BackedUp!.Value))];
    }

    private static async Task<Results<Ok<PasskeysResponse>, Failure>> HandleAsync(
        HttpContext context, ListPasskeys list, CancellationToken cancellationToken) =>
        await list.RunAsync(context, cancellationToken) is { } passkeys
            ? TypedResults.Ok(new PasskeysResponse(
                "success", passkeys.Count == 1 ? "You have 1 passkey" : $"You have {passkeys.Count} passkeys", passkeys))
            : CommonFailures.InvalidToken();

    private sealed record Row(Guid? Id, string? Name, DateTimeOffset? CreatedAt, DateTimeOffset? LastUsedAt, bool? BackedUp);
}
