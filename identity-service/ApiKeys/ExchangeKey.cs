using System.Text.Json.Serialization;
using AuthMesh.Errors;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using AuthMesh.Identity.Tokens;
using AuthMesh.Tokens;
using AuthMesh.Settings;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;
using Npgsql;

namespace AuthMesh.Identity.ApiKeys;

/// <param name="Key">The key.</param>
/// <param name="Audience">The audience of the gateway's route; absent for the mesh's own.</param>
public sealed record ExchangeKeyRequest(
    [property: JsonConverter(typeof(AnyTextConverter))] string? Key = null,
    [property: JsonConverter(typeof(AnyTextConverter))] string? Audience = null);

/// <summary>
/// Exchanges a key for an access token with the key's scopes. The gateway uses it to forward a script's request with a token.
/// </summary>
internal static class ExchangeKey
{
    private static readonly Failure InvalidKey = new(
        StatusCodes.Status401Unauthorized, "invalid_key", "The key has ended or expired");

    // Gateways that exchange the same key at once neither wait for each other nor write the row more than once a minute. The token is read
    // as of the start of the statement: see the remarks of LiveSession.
    private const string Use =
        $"""
        WITH used AS (
            UPDATE sessions SET last_used_at = now() WHERE id = (
                SELECT s.id FROM sessions s, users u
                WHERE s.key_hash = @hash AND {LiveSession.IsLiveKey}
                    AND (s.last_used_at <= now() - interval '1 minute' OR s.last_used_at = s.created_at)
                FOR UPDATE OF s SKIP LOCKED))
        SELECT s.id, u.id, s.epoch, u.username, u.email, u.role, s.expires_at - now(), s.scopes
        FROM sessions s, users u WHERE s.key_hash = @hash AND {LiveSession.IsLiveKey}
        """;

    public static void Map(IEndpointRouteBuilder group) => group.MapPost("/keys/exchange", HandleAsync);

    private static async Task<Results<Ok<ExchangeResponse>, Failure>> HandleAsync(
        ExchangeKeyRequest request, Primary database, AccessTokens tokens, TimeProvider clock, IOptions<AuthMeshOptions> mesh,
        CancellationToken cancellationToken)
    {
        if (request.Key is null)
        {
            return CommonFailures.InvalidRequest(new Dictionary<string, string[]> { ["key"] = ["is required"] });
        }

        if (ExchangeAudience.FindFault(request.Audience, mesh.Value) is { } fault)
        {
            return fault;
        }

        if (!KeyText.IsValid(request.Key)
            || await FindAsync(KeyText.Hash(request.Key), database, clock, cancellationToken) is not { } session)
        {
            return InvalidKey;
        }

        var token = tokens.Mint(session with { Audience = request.Audience });
        return TypedResults.Ok(new ExchangeResponse(token.Value, (int)token.Lifetime.TotalSeconds));
    }

    private static async Task<TokenSession?> FindAsync(
        byte[] hash, Primary database, TimeProvider clock, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(Use);
        command.Parameters.Add(new NpgsqlParameter("hash", hash));
        var foundAt = clock.GetUtcNow();
        return await command.ReadCommittedRowAsync(
            row => new TokenSession(
                row.GetGuid(1), row.GetGuid(0), row.GetInt32(2), row.GetString(3), row.IsDBNull(4) ? null : row.GetString(4),
                row.GetString(5), foundAt, row.GetTimeSpan(6), Proof: null, row.GetFieldValue<string[]>(7)),
            cancellationToken);
    }
}
