using AuthMesh.Tokens;

namespace AuthMesh.Gateway.Sessions;

/// <summary>What the gateway exchanges for an access token: a browser's session cookie, or a key of a user.</summary>
internal abstract class Credential(string text)
{
    public string Text => text;

    /// <summary>The cache key of the credential. It cannot be used to sign in.</summary>
    public TokenDigest Digest { get; } = TokenDigest.Of(text);

    /// <summary>The code with which the identity service refuses it. A wrong service key is a 401 too.</summary>
    public abstract string RefusalCode { get; }

    /// <summary>The request that asks the identity service for the token.</summary>
    public abstract HttpRequestMessage ToExchange();
}
