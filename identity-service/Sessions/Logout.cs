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
/// Ends the session of whatever is presented. Neither expiry nor revocation is looked at: who wants to leave need not be let in first,
/// and leaving twice is leaving. Where a key to check the signature with is not to be had, nobody is told to have left: that is a 503.
/// </summary>
internal static class Logout
{
    public static void Map(IEndpointRouteBuilder group) => group.MapPost("/logout", HandleAsync).AllowAnonymous();

    private static async Task<Ok<MessageResponse>> HandleAsync(
        LogoutRequest request, HttpContext context, IdentityDb db, KeyRing ring, AccessTokenReader accessTokens, SessionCookies cookies,
        SecurityEvents events, CancellationToken cancellationToken)
    {
        Guid?[] presented =
        [
            await FindBearerAsync(context.Request, accessTokens),
            request.RefreshToken is { } text ? RefreshToken.TryParse(text, ring)?.SessionId : null,
        ];
        foreach (var id in presented.Distinct().OfType<Guid>())
        {
            // A statement each, so that never two sessions are locked.
            var ended = await db.Database.ExecuteSqlAsync(
                $"UPDATE sessions SET ended_at = now() WHERE id = {id} AND ended_at IS NULL", cancellationToken);
            if (ended > 0)
            {
                events.Write(SecurityEvent.SessionEnded(null, id, "logout"), context);
            }
        }

        cookies.Clear(context.Response);
        return TypedResults.Ok(new MessageResponse("success", "Logged out successfully"));
    }

    private static async Task<Guid?> FindBearerAsync(HttpRequest request, AccessTokenReader accessTokens)
    {
        const string Scheme = "Bearer ";
        return request.Headers.Authorization is [{ } header] && header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)
            && await accessTokens.ReadIgnoringExpiryAsync(header[Scheme.Length..].Trim()) is { } caller
                ? Guid.Parse(caller.FindFirstValue(AccessTokenClaims.SessionId)!)
                : null;
    }
}
