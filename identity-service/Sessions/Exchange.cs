using System.Text.Json.Serialization;
using AuthMesh.Errors;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Tokens;
using Microsoft.AspNetCore.Http.HttpResults;
using Npgsql;

namespace AuthMesh.Identity.Sessions;

public sealed record ExchangeRequest([property: JsonConverter(typeof(AnyTextConverter))] string? Cookie = null);

public sealed record ExchangeResponse(string Token, [property: JsonPropertyName("expires_in")] int ExpiresInSeconds);

/// <summary>
/// Exchanges a session cookie for an access token. The gateway uses it to forward a browser's request with a token.
/// </summary>
internal static class Exchange
{
    private static readonly Failure InvalidSession = new(
        StatusCodes.Status401Unauthorized, "invalid_session", "The session has ended or expired");

    private const string Use =
        $"""
        UPDATE sessions s SET last_used_at = now(), expires_at = {LiveSession.Expiry}
        FROM users u
        WHERE s.cookie_hash = @cookie AND {LiveSession.IsLiveSignIn}
        RETURNING {LiveSession.Columns}
        """;

    public static void Map(IEndpointRouteBuilder group) => group.MapPost("/exchange", HandleAsync);

    private static async Task<Results<Ok<ExchangeResponse>, Failure>> HandleAsync(
        ExchangeRequest request, Primary database, AccessTokens tokens, TimeProvider clock, CancellationToken cancellationToken)
    {
        if (request.Cookie is null)
        {
            return CommonFailures.InvalidRequest(new Dictionary<string, string[]> { ["cookie"] = ["is required"] });
        }

        if (SessionCookie.TryParse(request.Cookie) is not { } cookie
            || await LiveSession.FindAsync(
                database.CreateCommand(Use), clock, cancellationToken, new NpgsqlParameter("cookie", cookie.Hash)) is not { } session)
        {
            return InvalidSession;
        }

        var token = tokens.Mint(session.ForToken);
        return TypedResults.Ok(new ExchangeResponse(token.Value, (int)token.Lifetime.TotalSeconds));
    }
}
