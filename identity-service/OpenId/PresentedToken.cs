using System.Security.Claims;
using AuthMesh.Identity.Keys;
using AuthMesh.Identity.Sessions;
using AuthMesh.Tokens;

namespace AuthMesh.Identity.OpenId;

/// <summary>
/// A token that a client asks about (RFC 7009 §2.1, RFC 7662 §2.1): an access token or a refresh token, whatever the hint says.
/// </summary>
/// <param name="SessionId">The session behind it.</param>
/// <param name="Access">An access token, which may have expired; null for a refresh token.</param>
/// <param name="Refresh">The refresh token; null for an access token.</param>
internal sealed record PresentedToken(Guid SessionId, ReadToken? Access, RefreshToken? Refresh)
{
    public const string Parameter = "token";

    /// <returns>The token, or null if this mesh did not issue it.</returns>
    public static async Task<PresentedToken?> ReadAsync(string text, KeyRing ring, AccessTokenReader reader) =>
        RefreshToken.TryParse(text, ring) is { } refresh ? new(refresh.SessionId, null, refresh)
        : await reader.ReadOfAnyAudienceAsync(text) is { } access
            ? new(Guid.Parse(access.Claims.FindFirstValue(AccessTokenClaims.SessionId)!), access, null)
        : null;
}
