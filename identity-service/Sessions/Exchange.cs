using System.Text.Json.Serialization;
using AuthMesh.Errors;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Tokens;
using AuthMesh.Settings;
using AuthMesh.Tokens;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;
using Npgsql;

namespace AuthMesh.Identity.Sessions;

/// <param name="Cookie">The session cookie.</param>
/// <param name="Audience">The audience of the gateway's route; absent for the mesh's own.</param>
public sealed record ExchangeRequest(
    [property: JsonConverter(typeof(AnyTextConverter))] string? Cookie = null,
    [property: JsonConverter(typeof(AnyTextConverter))] string? Audience = null);

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
        ExchangeRequest request, Primary database, AccessTokens tokens, TimeProvider clock, IOptions<AuthMeshOptions> mesh,
        CancellationToken cancellationToken)
    {
        if (request.Cookie is null)
        {
            return CommonFailures.InvalidRequest(new Dictionary<string, string[]> { ["cookie"] = ["is required"] });
        }

        if (ExchangeAudience.FindFault(request.Audience, mesh.Value) is { } fault)
        {
            return fault;
        }

        if (SessionCookie.TryParse(request.Cookie) is not { } cookie
            || await LiveSession.FindAsync(
                database.CreateCommand(Use), clock, cancellationToken, new NpgsqlParameter("cookie", cookie.Hash)) is not { } session)
        {
            return InvalidSession;
        }

        var token = tokens.Mint(session.ForToken with { Audience = request.Audience });
        return TypedResults.Ok(new ExchangeResponse(token.Value, (int)token.Lifetime.TotalSeconds));
    }
}

/// <summary>
/// The audience that the gateway names for a cookie or key: that of one of its routes, which the team wrote. It is always below the public
/// origin, so nobody gets a user's token for another server here.
/// </summary>
internal static class ExchangeAudience
{
    public static Failure? FindFault(string? audience, AuthMeshOptions mesh) =>
        audience is null || AudienceUrl.FindPath(audience, mesh.Issuer) is not null
            ? null
            : CommonFailures.InvalidRequest(new Dictionary<string, string[]> { ["audience"] = [AudienceUrl.Rule] });
}
