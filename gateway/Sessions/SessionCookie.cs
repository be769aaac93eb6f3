using System.Buffers;
using System.Buffers.Text;
using AuthMesh.Tokens;

namespace AuthMesh.Gateway.Sessions;

/// <summary>A browser's session cookie: 256 random bits in the canonical encoding of the identity service.</summary>
internal sealed class SessionCookie
{
    private const int SecretBytes = 32;

    private SessionCookie(string text) => (Text, Digest) = (text, TokenDigest.Of(text));

    public string Text { get; }

    /// <summary>The cache key of the cookie. It cannot be used to sign in.</summary>
    public TokenDigest Digest { get; }

    /// <returns>The cookie, or null if the identity service cannot have set this text.</returns>
    public static SessionCookie? TryParse(string text)
    {
        Span<byte> secret = stackalloc byte[SecretBytes];
        return text.Length == Base64Url.GetEncodedLength(SecretBytes)
            // The decoder also rejects left-over bits, which would give one cookie several spellings.
            && Base64Url.DecodeFromChars(text, secret, out _, out var written) == OperationStatus.Done && written == SecretBytes
                ? new SessionCookie(text)
                : null;
    }
}
