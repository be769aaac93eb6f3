using AuthMesh.Tokens;
using Microsoft.IdentityModel.JsonWebTokens;

namespace AuthMesh.Gateway.Sessions;

/// <summary>
/// An access token that the identity service gave for a cookie, with what it says about itself. Nothing of that is believed: it only
/// tells when to ask for another one. Whoever the token reaches validates it.
/// </summary>
internal sealed class SessionToken
{
    // Long enough for a request to arrive where it is going.
    private static readonly TimeSpan LongestMargin = TimeSpan.FromSeconds(30);

    private SessionToken()
    {
    }

    /// <summary>As a request carries it.</summary>
    public required string Authorization { get; init; }

    public required Guid SessionId { get; init; }

    public required Guid UserId { get; init; }

    public required long Epoch { get; init; }

    public required string KeyId { get; init; }

    /// <summary>Shortly before it expires: 30 seconds, or a tenth of a short life.</summary>
    public required DateTimeOffset UsableUntil { get; init; }

    /// <returns>The token, or null where the text is none.</returns>
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

        var expiresAt = new DateTimeOffset(DateTime.SpecifyKind(token.ValidTo, DateTimeKind.Utc)); // long past where it does not say
        var margin = (expiresAt - now) / 10;
        return new SessionToken
        {
            Authorization = "Bearer " + text,
            SessionId = Id(token, AccessTokenClaims.SessionId),
            UserId = Id(token, AccessTokenClaims.Subject),
            Epoch = token.TryGetPayloadValue<long>(AccessTokenClaims.Epoch, out var epoch) ? epoch : 0,
            KeyId = token.Kid ?? "",
            UsableUntil = expiresAt - (margin < LongestMargin ? margin : LongestMargin),
        };
    }

    private static Guid Id(JsonWebToken token, string claim) =>
        token.TryGetPayloadValue<string>(claim, out var text) && Guid.TryParse(text, out var id) ? id : Guid.Empty;
}
