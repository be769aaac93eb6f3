using System.Buffers;
using System.Buffers.Text;
using AuthMesh.Tokens;
using Microsoft.Extensions.Primitives;

namespace AuthMesh.Gateway.Sessions;

/// <summary>What a browser brings of its session: 256 random bits in the one spelling that the identity service gives them.</summary>
internal sealed class SessionCookie
{
    private const int SecretBytes = 32;

    private SessionCookie(string text) => (Text, Digest) = (text, TokenDigest.Of(text));

    public string Text { get; }

    /// <summary>By which the cookie is remembered: it opens nothing.</summary>
    public TokenDigest Digest { get; }

    /// <summary>
    /// The prefix binds a cookie to this host, this path and https (RFC 6265bis §4.1.3.2); on plain http browsers refuse it.
    /// </summary>
    public static string NameFor(string issuer) => issuer.StartsWith("https://", StringComparison.Ordinal) ? "__Host-authmesh" : "authmesh";

    /// <summary>
    /// The values under the name (RFC 6265 §5.4), from however many headers, and of many the first two. The framework's own reader keeps
    /// one of several, and which of them is the browser's nobody can tell.
    /// </summary>
    public static StringValues FindValues(StringValues headers, string name)
    {
        var values = StringValues.Empty;
        foreach (var header in headers)
        {
            foreach (var range in header.AsSpan().Split(';'))
            {
                var pair = header.AsSpan(range);
                if (pair.IndexOf('=') is >= 0 and var equals && pair[..equals].Trim(" \t").SequenceEqual(name))
                {
                    values = StringValues.Concat(values, pair[(equals + 1)..].Trim(" \t").ToString());
                    if (values.Count > 1)
                    {
                        return values;
                    }
                }
            }
        }

        return values;
    }

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
