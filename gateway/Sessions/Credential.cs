using AuthMesh.Tokens;

namespace AuthMesh.Gateway.Sessions;

/// <summary>What the gateway exchanges for an access token: a browser's session cookie, or a key of a user.</summary>
/// <param name="text">The cookie or the key.</param>
/// <param name="audience">The audience that the token must carry; null for the mesh's own.</param>
internal abstract class Credential(string text, string? audience)
{
    public string Text => text;

    public string? Audience => audience;

    /// <summary>The cache key of its token.</summary>
    public HeldToken Held { get; } = new(TokenDigest.Of(text), audience);

    /// <summary>The code with which the identity service refuses it. A wrong service key is a 401 too.</summary>
    public abstract string RefusalCode { get; }

    /// <summary>The request that asks the identity service for the token.</summary>
    public abstract HttpRequestMessage ToExchange();
}

/// <summary>
/// The cache key of a token that the gateway got for a cookie or key. A token for one audience must never serve a route of another. The
/// digest cannot be used to sign in.
/// </summary>
internal readonly record struct HeldToken(TokenDigest Credential, string? Audience)
{
    public override int GetHashCode() => Credential.GetHashCode(); // few audiences share a credential
}
