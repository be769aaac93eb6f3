using AuthMesh.Identity.Applications;
using AuthMesh.Identity.Keys;
using AuthMesh.Identity.Sessions;
using AuthMesh.Identity.Tokens;

namespace AuthMesh.Identity.OpenId;

/// <summary>Builds the answer that carries an application's tokens for a user (RFC 6749 §5.1).</summary>
internal sealed class IssueApplicationTokens(KeyRing ring, AccessTokens accessTokens, IdTokens idTokens)
{
    /// <summary>Answers for a new session.</summary>
    public TokenResponse ForNew(Client client, ApplicationsSession session, string? nonce) =>
        Answer(session, client.MayUse(GrantType.RefreshToken) ? RefreshToken.For(session.Session, ring) : null, nonce);

    /// <summary>Answers for a session whose refresh token was presented.</summary>
    public TokenResponse ForRefreshed(ApplicationsSession session, RefreshToken presented) =>
        Answer(session, presented.At(session.Session.RefreshCounter), nonce: null);

    private TokenResponse Answer(ApplicationsSession session, RefreshToken? refreshToken, string? nonce)
    {
        var token = accessTokens.Mint(session.ForToken);
        return new TokenResponse(token.Value, "Bearer", (int)token.Lifetime.TotalSeconds, string.Join(' ', session.Grant.Scopes))
        {
            RefreshToken = refreshToken?.ToText(ring),
            RefreshExpiresInSeconds = refreshToken is null ? null : (int)session.Session.Remaining.TotalSeconds,
            IdToken = session.Grant.Scopes.Contains(StandardScope.OpenId) ? idTokens.Mint(session, token, nonce) : null,
        };
    }
}
