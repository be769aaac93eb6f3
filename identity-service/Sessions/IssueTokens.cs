using AuthMesh.Identity.Keys;
using AuthMesh.Identity.Tokens;

namespace AuthMesh.Identity.Sessions;

/// <summary>Builds the answer that carries tokens, for a new or a refreshed session.</summary>
internal sealed class IssueTokens(KeyRing ring, AccessTokens accessTokens)
{
    /// <summary>Answers for a session that is new, or new in its epoch.</summary>
    public SignInResponse ForNew(string message, LiveSession session) => Answer(message, session, RefreshToken.For(session, ring));

    /// <summary>Answers for a session whose refresh token was presented.</summary>
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
