using System.Text.Json.Serialization;
using AuthMesh.Errors;
using AuthMesh.Identity.Keys;
using AuthMesh.Identity.Platform;
using Microsoft.AspNetCore.Http.HttpResults;
using Npgsql;

namespace AuthMesh.Identity.Sessions;

public sealed record RefreshRequest(
    [property: JsonPropertyName("refresh_token")][property: JsonConverter(typeof(AnyTextConverter))] string? RefreshToken = null);

/// <summary>
/// Trades a refresh token for its successor and a new access token. A session moves one step in 30 s at most, and until they are over
/// the token from before the step and the one from after it get the same answer: who lost a race, or the answer, is not signed out.
/// </summary>
/// <remarks>
/// Accepted weakness: a thief who presents a stolen token within those 30 s gets the owner's next token and is not noticed. He is when
/// either of the two presents a token that the other has moved on from, 30 s after that step or later.
/// </remarks>
internal static partial class Refresh
{
    // One answer for every reason.
    private static readonly Failure InvalidRefreshToken = new(
        StatusCodes.Status401Unauthorized, "invalid_refresh_token", "Invalid or expired refresh token");

    // Longer than a retry after a lost answer takes, and than a tab that slept needs to find what another tab has stored.
    private const string JustNow = "now() - interval '30 seconds'";

    private const string IsDue = $"s.refresh_counter = @counter AND (s.refreshed_at IS NULL OR s.refreshed_at <= {JustNow})";

    // One statement decides and moves. Whoever waits for another's step sees it done: PostgreSQL evaluates both conditions and the
    // values anew on the row that it waited for, so of any number one moves, and all others read where it went.
    private const string Step =
        $"""
        UPDATE sessions s SET
            refresh_counter = CASE WHEN {IsDue} THEN s.refresh_counter + 1 ELSE s.refresh_counter END,
            refreshed_at = CASE WHEN {IsDue} THEN now() ELSE s.refreshed_at END,
            last_used_at = now(), expires_at = {LiveSession.Expiry}
        FROM users u
        WHERE s.id = @session AND s.epoch = @epoch AND {LiveSession.IsLive}
            AND (s.refresh_counter = @counter OR s.refresh_counter - 1 = @counter AND s.refreshed_at > {JustNow})
        RETURNING {LiveSession.Columns}
        """;

    // A token that has been replaced for longer is in two hands, and nobody can tell whose are the owner's (RFC 9700 §4.14.2). A token
    // of another epoch is only out of date; one ahead of its session can only be of a database that was restored: neither ends anything.
    // The trigger session_ended tells every verifier.
    private const string EndReplayed =
        $"""
        UPDATE sessions s SET ended_at = now()
        FROM users u
        WHERE s.id = @session AND s.epoch = @epoch AND {LiveSession.IsLive}
            AND (s.refresh_counter - 1 > @counter OR s.refresh_counter - 1 = @counter AND s.refreshed_at <= {JustNow})
        RETURNING {LiveSession.Columns}
        """;

    public static void Map(IEndpointRouteBuilder group) => group.MapPost("/refresh", HandleAsync).AllowAnonymous();

    private static async Task<Results<Ok<SignInResponse>, Failure>> HandleAsync(
        RefreshRequest request, HttpContext context, NpgsqlDataSource database, KeyRing ring, IssueTokens issueTokens, TimeProvider clock,
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

    [LoggerMessage(LogLevel.Information, "Refresh refused: not a token of ours")]
    private static partial void LogForeign(ILogger logger);
}
