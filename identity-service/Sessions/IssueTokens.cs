using AuthMesh.Identity.Keys;
using AuthMesh.Identity.Tokens;

namespace AuthMesh.Identity.Sessions;

/// <summary>Writes the one answer that carries tokens, for a new session and for a refreshed one.</summary>
internal sealed class IssueTokens(KeyRing ring, AccessTokens accessTokens)
{
    /// <summary>For a session that is new, or new in its epoch.</summary>
    public SignInResponse ForNew(string message, LiveSession session) => Answer(message, session, RefreshToken.For(session, ring));

    /// <summary>For a session whose refresh token was presented.</summary>
    public SignInResponse ForRefreshed(string message, LiveSession session, RefreshToken presented) =>
        Answer(message, session, presented.At(session.RefreshCounter));

    private SignInResponse Answer(string message, LiveSession session, RefreshToken refreshToken)
    {
        var token = accessTokens.Mint(session.ForToken);
        return new SignInResponse(
            "success", message, token.Value, "Bearer", (int)token.Lifetime.TotalSeconds, refreshToken.ToText(ring),
            (int)session.Remaining.TotalSeconds);
    }
}
