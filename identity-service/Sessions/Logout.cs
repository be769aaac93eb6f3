using System.Runtime.ExceptionServices;
using System.Security.Claims;
using System.Text.Json;
using System.Text.Json.Serialization;
using AuthMesh.Identity.Keys;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Tokens;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace AuthMesh.Identity.Sessions;

/// <summary>The body is optional. An empty body may have any content type, because a browser's form always sends one.</summary>
public sealed record LogoutRequest(
    [property: JsonPropertyName("refresh_token")][property: JsonConverter(typeof(AnyTextConverter))] string? RefreshToken = null)
{
    public static async ValueTask<LogoutRequest> BindAsync(HttpContext context)
    {
        var request = context.Request;
        var start = await request.BodyReader.ReadAsync(context.RequestAborted);
        request.BodyReader.AdvanceTo(start.Buffer.Start); // consumes nothing
        if (start is { IsCompleted: true, Buffer.IsEmpty: true })
        {
            return new LogoutRequest();
        }

        if (!request.HasJsonContentType())
        {
            throw new BadHttpRequestException("Not JSON", StatusCodes.Status415UnsupportedMediaType);
        }

        try
        {
            return await request.ReadFromJsonAsync<LogoutRequest>(context.RequestAborted)
                ?? throw new BadHttpRequestException("Not an object", StatusCodes.Status400BadRequest);
        }
        catch (JsonException exception)
        {
            throw new BadHttpRequestException("Not a logout", StatusCodes.Status400BadRequest, exception);
        }
    }
}

/// <summary>
/// Ends the session of every presented credential: session cookies, bearer tokens, a refresh token. It ignores unusable credentials. It
/// also accepts expired and revoked ones, because a logout needs no permission and may be repeated.
/// </summary>
/// <remarks>
/// If a credential cannot be checked now because its key is missing, the answer is 503, since its session may not have ended. The sessions
/// of the other credentials have still ended. The trigger <c>session_ended</c> writes each one to the revocation log in the same commit.
/// </remarks>
internal sealed class Logout(
    IdentityDb db, Primary database, KeyRing ring, AccessTokenReader accessTokens, SessionCookies cookies, SecurityEvents events)
{
    // More bearer tokens or cookies than any client has. The limit exists because each costs a look-up.
    private const int MostPresented = 10;

    private const string End =
        $"""
        WITH ended AS (
            UPDATE sessions SET ended_at = now() WHERE id = @id AND ended_at IS NULL AND kind = '{SessionKind.SignIn}' RETURNING id),
        {EndChildren.With}
        SELECT id AS "Value" FROM ended
        """;

    public static void Map(IEndpointRouteBuilder group) => group.MapPost(
        "/logout", (LogoutRequest request, HttpContext context, Logout logout, CancellationToken cancellationToken) =>
            logout.RunAsync(request, context, cancellationToken)).AllowAnonymous();

    public async Task<Ok<MessageResponse>> RunAsync(LogoutRequest request, HttpContext context, CancellationToken cancellationToken)
    {
        // 1. Collect the sessions of the credentials.
        var (ids, cannotCheck) = await ReadBearerTokensAsync(context.Request);
        if (request.RefreshToken is { } text && RefreshToken.TryParse(text, ring) is { } refreshToken)
        {
            ids.Add(refreshToken.SessionId);
        }

        foreach (var cookie in cookies.FindAll(context.Request, MostPresented))
        {
            ids.UnionWith(await db.Database.SqlQuery<Guid>($"SELECT id FROM sessions WHERE cookie_hash = {cookie.Hash}")
                .ToListAsync(cancellationToken));
        }

        // 2. End each session in a transaction of its own, so that none locks two users.
        var isConfirmed = ids.Count == 0;
        foreach (var id in ids)
        {
            await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
            await EndChildren.LockUserOfAsync(db, id, cancellationToken);
            isConfirmed = await db.Database.SqlQueryRaw<Guid>(End, new NpgsqlParameter("id", id)).ToListAsync(cancellationToken) is [_];
            await transaction.CommitAsync(cancellationToken);
            if (isConfirmed) // by this commit, and so is everything before it
            {
                events.Write(SecurityEvent.SessionEnded(null, id, "logout"), context);
            }
        }

        // 3. Answer. A session that an earlier call ended may have ended on one host only.
        if (!isConfirmed)
        {
            await database.ConfirmReadsAsync(cancellationToken);
        }

        cannotCheck?.Throw();
        cookies.Clear(context.Response);
        return TypedResults.Ok(new MessageResponse("success", "Logged out successfully"));
    }

    private async Task<(HashSet<Guid> SessionIds, ExceptionDispatchInfo? CannotCheck)> ReadBearerTokensAsync(
        HttpRequest request)
    {
        const string Scheme = "Bearer ";
        HashSet<Guid> ids = [];
        ExceptionDispatchInfo? cannotCheck = null;
        // The gateway joins repeated headers with commas (RFC 9110 §5.3), and no token contains one.
        foreach (var credential in request.Headers.Authorization.OfType<string>()
            .SelectMany(header => header.Split(',', StringSplitOptions.TrimEntries))
            .Where(credential => credential.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)).Take(MostPresented))
        {
            try
            {
                if (await accessTokens.ReadIgnoringExpiryAsync(credential[Scheme.Length..].Trim()) is { } caller)
                {
                    ids.Add(Guid.Parse(caller.FindFirstValue(AccessTokenClaims.SessionId)!));
                }
            }
            catch (Exception exception) // rethrown at the end, as the answer
            {
                cannotCheck ??= ExceptionDispatchInfo.Capture(exception);
            }
        }

        return (ids, cannotCheck);
    }
}
