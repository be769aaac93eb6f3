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

namespace AuthMesh.Identity.Sessions;

/// <summary>The body is optional, and so is its type where there is none: a browser's form says one also of nothing.</summary>
public sealed record LogoutRequest(
    [property: JsonPropertyName("refresh_token")][property: JsonConverter(typeof(AnyTextConverter))] string? RefreshToken = null)
{
    public static async ValueTask<LogoutRequest> BindAsync(HttpContext context)
    {
        var request = context.Request;
        var start = await request.BodyReader.ReadAsync(context.RequestAborted);
        request.BodyReader.AdvanceTo(start.Buffer.Start); // nothing is taken yet
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
/// Ends every session that a presented credential names: session cookie, bearer token, refresh token. An unusable credential beside them is
/// ignored, and so are expiry and revocation: leaving needs no permission, and leaving twice is leaving.
/// </summary>
/// <remarks>
/// A credential that cannot be checked now, for want of its key, makes the answer a 503: nobody is told to have left who may not have. The
/// sessions of the others have ended all the same. The trigger <c>session_ended</c> writes each into the log of revocations, in the same
/// commit.
/// </remarks>
internal static class Logout
{
    // More bearer tokens or cookies than a client ever has; each costs a look-up.
    private const int MostPresented = 10;

    public static void Map(IEndpointRouteBuilder group) => group.MapPost("/logout", HandleAsync).AllowAnonymous();

    private static async Task<Ok<MessageResponse>> HandleAsync(
        LogoutRequest request, HttpContext context, IdentityDb db, KeyRing ring, AccessTokenReader accessTokens, SessionCookies cookies,
        SecurityEvents events, CancellationToken cancellationToken)
    {
        // 1. The sessions that are named.
        var (ids, cannotCheck) = await ReadBearerTokensAsync(context.Request, accessTokens);
        if (request.RefreshToken is { } text && RefreshToken.TryParse(text, ring) is { } refreshToken)
        {
            ids.Add(refreshToken.SessionId);
        }

        foreach (var cookie in cookies.FindAll(context.Request, MostPresented))
        {
            ids.UnionWith(await db.Database.SqlQuery<Guid>($"SELECT id FROM sessions WHERE cookie_hash = {cookie.Hash}")
                .ToListAsync(cancellationToken));
        }

        // 2. Each ends by a statement of its own, so that two sessions are never locked together.
        foreach (var id in ids)
        {
            if (await db.Database.ExecuteSqlAsync(
                $"UPDATE sessions SET ended_at = now() WHERE id = {id} AND ended_at IS NULL", cancellationToken) > 0)
            {
                events.Write(SecurityEvent.SessionEnded(null, id, "logout"), context);
            }
        }

        // 3. The answer.
        cannotCheck?.Throw();
        cookies.Clear(context.Response);
        return TypedResults.Ok(new MessageResponse("success", "Logged out successfully"));
    }

    private static async Task<(HashSet<Guid> SessionIds, ExceptionDispatchInfo? CannotCheck)> ReadBearerTokensAsync(
        HttpRequest request, AccessTokenReader accessTokens)
    {
        const string Scheme = "Bearer ";
        HashSet<Guid> ids = [];
        ExceptionDispatchInfo? cannotCheck = null;
        // The gateway joins doubled headers with commas (RFC 9110 §5.3), and no token holds one.
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
            catch (Exception exception) // left for the end: it becomes the answer
            {
                cannotCheck ??= ExceptionDispatchInfo.Capture(exception);
            }
        }

        return (ids, cannotCheck);
    }
}
