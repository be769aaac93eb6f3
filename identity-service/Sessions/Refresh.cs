using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using AuthMesh.Errors;
using AuthMesh.Identity.Keys;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using Microsoft.AspNetCore.Http.HttpResults;
using Npgsql;

namespace AuthMesh.Identity.Sessions;

public sealed record RefreshRequest(
    [property: Required][property: JsonPropertyName("refresh_token")][property: JsonConverter(typeof(AnyTextConverter))]
    string? RefreshToken = null);

/// <summary>Exchanges a refresh token of a sign-in for its successor and a new access token.</summary>
internal static partial class Refresh
{
    // Every reason gets the same answer.
    private static readonly Failure InvalidRefreshToken = new(
        StatusCodes.Status401Unauthorized, "invalid_refresh_token", "Invalid or expired refresh token");

    private static readonly RefreshTokenRotation Rotation =
        new(LiveSession.IsLiveSignIn, LiveSession.Columns, LiveSession.Expiry);

    public static void Map(IEndpointRouteBuilder group) => group.MapPost("/refresh", HandleAsync).AllowAnonymous()
        .ProducesFailure(InvalidRefreshToken);

    private static async Task<Results<Ok<SignInResponse>, Failure>> HandleAsync(
        RefreshRequest request, HttpContext context, IdentityDb db, Primary database, KeyRing ring, IssueTokens issueTokens,
        TimeProvider clock, SecurityEvents events, ILogger<RefreshRequest> logger, CancellationToken cancellationToken)
    {
        if (request.RefreshToken is null)
        {
            return CommonFailures.InvalidRequest(new Dictionary<string, string[]> { ["refresh_token"] = ["is required"] });
        }

        if (RefreshToken.TryParse(request.RefreshToken, ring) is not { } presented)
        {
            LogForeign(logger);
            return InvalidRefreshToken;
        }

        if (await Rotation.StepAsync(database, presented, FindAsync) is { } session)
        {
            LogRefreshed(logger, session.Id, session.UserId, session.RefreshCounter);
            return TypedResults.Ok(issueTokens.ForRefreshed($"Welcome {session.Username}!", session, presented));
        }

        if (await Rotation.EndReplayedAsync(db, presented, FindAsync, cancellationToken) is { } ended)
        {
            events.Write(SecurityEvent.RefreshReused(ended.UserId, ended.Id, presented.Counter, ended.RefreshCounter), context);
        }
        else
        {
            LogRefused(logger, presented.SessionId);
        }

        return InvalidRefreshToken;

        Task<LiveSession?> FindAsync(NpgsqlCommand command, NpgsqlParameter[] parameters) =>
            LiveSession.FindAsync(command, clock, cancellationToken, parameters);
    }

    [LoggerMessage(LogLevel.Information, "Session {SessionId} of user {UserId} refreshed, counter {Counter}")]
    private static partial void LogRefreshed(ILogger logger, Guid sessionId, Guid userId, int counter);

    [LoggerMessage(LogLevel.Information, "Refresh refused for session {SessionId}: it ended or expired, or the token is of another epoch")]
    private static partial void LogRefused(ILogger logger, Guid sessionId);

    [LoggerMessage(LogLevel.Information, "Refresh refused: this mesh did not issue the token")]
    private static partial void LogForeign(ILogger logger);
}
