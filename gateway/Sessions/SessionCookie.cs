using System.Buffers;
using System.Buffers.Text;
using AuthMesh.Tokens;

namespace AuthMesh.Gateway.Sessions;

/// <summary>What a browser brings of its session: 256 random bits in the one spelling that the identity service gives them.</summary>
internal sealed class SessionCookie
{
    private const int SecretBytes = 32;

    private SessionCookie(string text) => (Text, Digest) = (text, TokenDigest.Of(text));

    public string Text { get; }

    /// <summary>By which the cookie is remembered: it opens nothing.</summary>
    public TokenDigest Digest { get; }

    /// <returns>The cookie, or null where the text is none that the identity service would have given.</returns>
    public static SessionCookie? TryParse(string text)
    {
        Span<byte> secret = stackalloc byte[SecretBytes];
        return text.Length == Base64Url.GetEncodedLength(SecretBytes)
            // Bits left over, which would give one cookie several spellings, are invalid to it too.
            && Base64Url.DecodeFromChars(text, secret, out _, out var written) == OperationStatus.Done && written == SecretBytes
                ? new SessionCookie(text)
                : null;
    }
}
