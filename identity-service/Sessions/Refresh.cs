using System.Text.Json.Serialization;
using AuthMesh.Errors;
using AuthMesh.Identity.Keys;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using Microsoft.AspNetCore.Http.HttpResults;
using Npgsql;

namespace AuthMesh.Identity.Sessions;

public sealed record RefreshRequest(
    [property: JsonPropertyName("refresh_token")][property: JsonConverter(typeof(AnyTextConverter))] string? RefreshToken = null);

/// <summary>
/// Rotates a refresh token: exchanges it for its successor and a new access token. A session rotates at most once in 30 s. For those 30 s,
/// the old and the new token get the same answer, so a client that loses a race or an answer stays signed in.
/// </summary>
/// <remarks>
/// Accepted weakness: a thief who presents a stolen token within those 30 s gets the owner's next token undetected. Reuse detection catches
/// the theft when thief or owner presents a token that the other rotated at least 30 s before.
/// </remarks>
internal static partial class Refresh
{
    // Every reason gets the same answer.
    private static readonly Failure InvalidRefreshToken = new(
        StatusCodes.Status401Unauthorized, "invalid_refresh_token", "Invalid or expired refresh token");

    // Long enough for a retry after a lost answer, and for a sleeping tab to find the token that another tab has stored.
    private const string JustNow = "now() - interval '30 seconds'";

    private const string IsDue = $"s.refresh_counter = @counter AND (s.refreshed_at IS NULL OR s.refreshed_at <= {JustNow})";

    // One statement both decides and rotates. After a wait for a concurrent rotation, PostgreSQL evaluates the conditions and values again
    // on the changed row. So of any number of concurrent calls one rotates, and all others return its result.
    private const string Step =
        $"""
        UPDATE sessions s SET
            refresh_counter = CASE WHEN {IsDue} THEN s.refresh_counter + 1 ELSE s.refresh_counter END,
            refreshed_at = CASE WHEN {IsDue} THEN now() ELSE s.refreshed_at END,
            last_used_at = now(), expires_at = {LiveSession.Expiry}
        FROM users u
        WHERE s.id = @session AND s.epoch = @epoch AND {LiveSession.IsLiveSignIn}
            AND (s.refresh_counter = @counter OR s.refresh_counter - 1 = @counter AND s.refreshed_at > {JustNow})
        RETURNING {LiveSession.Columns}
        """;

    // Two parties hold a token that was replaced longer ago, and the service cannot tell which one is the owner (RFC 9700 §4.14.2), so the
    // session ends. A token of another epoch is only outdated, and one ahead of its session comes from a restored database: neither ends a
    // session. The trigger session_ended notifies every verifier.
    private const string EndReplayed =
        $"""
        UPDATE sessions s SET ended_at = now()
        FROM users u
        WHERE s.id = @session AND s.epoch = @epoch AND {LiveSession.IsLiveSignIn}
            AND (s.refresh_counter - 1 > @counter OR s.refresh_counter - 1 = @counter AND s.refreshed_at <= {JustNow})
        RETURNING {LiveSession.Columns}
        """;

    public static void Map(IEndpointRouteBuilder group) => group.MapPost("/refresh", HandleAsync).AllowAnonymous();

    private static async Task<Results<Ok<SignInResponse>, Failure>> HandleAsync(
        RefreshRequest request, HttpContext context, Primary database, KeyRing ring, IssueTokens issueTokens, TimeProvider clock,
        SecurityEvents events, ILogger<RefreshRequest> logger, CancellationToken cancellationToken)
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

        if (await RunAsync(Step) is { } session)
        {
            LogRefreshed(logger, session.Id, session.UserId, session.RefreshCounter);
            return TypedResults.Ok(issueTokens.ForRefreshed($"Welcome {session.Username}!", session, presented));
        }

        // Safe as a second statement: every reason why the first matched no row is permanent.
        if (await RunAsync(EndReplayed) is { } ended)
        {
            events.Write(SecurityEvent.RefreshReused(ended.UserId, ended.Id, presented.Counter, ended.RefreshCounter), context);
        }
        else
        {
            LogRefused(logger, presented.SessionId);
        }

        return InvalidRefreshToken;

        Task<LiveSession?> RunAsync(string statement) => LiveSession.FindAsync(
            database.CreateCommand(statement), clock, cancellationToken,
            new("session", presented.SessionId), new("epoch", presented.Epoch), new("counter", presented.Counter));
    }

    [LoggerMessage(LogLevel.Information, "Session {SessionId} of user {UserId} refreshed, counter {Counter}")]
    private static partial void LogRefreshed(ILogger logger, Guid sessionId, Guid userId, int counter);

    [LoggerMessage(LogLevel.Information, "Refresh refused for session {SessionId}: it ended or expired, or the token is of another epoch")]
    private static partial void LogRefused(ILogger logger, Guid sessionId);

    [LoggerMessage(LogLevel.Information, "Refresh refused: this mesh did not issue the token")]
    private static partial void LogForeign(ILogger logger);
}
