using AuthMesh.Tokens;
using Microsoft.IdentityModel.JsonWebTokens;

namespace AuthMesh.Gateway.Sessions;

/// <summary>
/// An access token that the identity service issued for a cookie, with its claims. The gateway reads the claims unvalidated, only to decide
/// when to request another token. Every receiver of the token validates it.
/// </summary>
internal sealed class SessionToken
{
    // Long enough for a request to reach its service before the token expires.
    private static readonly TimeSpan LongestMargin = TimeSpan.FromSeconds(30);

    private SessionToken()
    {
    }

    /// <summary>The value of the Authorization header.</summary>
    public required string Authorization { get; init; }

    public required Guid SessionId { get; init; }

    public required Guid UserId { get; init; }

    public required long Epoch { get; init; }

    public required string KeyId { get; init; }

    /// <summary>Shortly before it expires: 30 seconds, or a tenth of a short life.</summary>
    public required DateTimeOffset UsableUntil { get; init; }

    /// <summary>The end of the first half of its life here. A stream begins with a token of the first half.</summary>
    public required DateTimeOffset FreshUntil { get; init; }

    public required DateTimeOffset ExpiresAt { get; init; }

    /// <returns>The token, or null if the text is not a JWT.</returns>
    public static SessionToken? TryRead(string text, DateTimeOffset now)
    {
        JsonWebToken token;
        try
        {
            token = new JsonWebToken(text);
        }
        catch (ArgumentException)
        {
            return null;
        }

        var expiresAt = new DateTimeOffset(DateTime.SpecifyKind(token.ValidTo, DateTimeKind.Utc)); // the year 1 if exp is missing
        var margin = (expiresAt - now) / 10;
        return new SessionToken
        {
            Authorization = "Bearer " + text,
            SessionId = Id(token, AccessTokenClaims.SessionId),
            UserId = Id(token, AccessTokenClaims.Subject),
            Epoch = token.TryGetPayloadValue<long>(AccessTokenClaims.Epoch, out var epoch) ? epoch : 0,
            KeyId = token.Kid ?? "",
            UsableUntil = expiresAt - (margin < LongestMargin ? margin : LongestMargin),
            FreshUntil = now + ((expiresAt - now) / 2),
            ExpiresAt = expiresAt,
        };
    }

    private static Guid Id(JsonWebToken token, string claim) =>
        token.TryGetPayloadValue<string>(claim, out var text) && Guid.TryParse(text, out var id) ? id : Guid.Empty;
}
