using System.Buffers;
using System.Buffers.Text;
using System.Net.Http.Json;

namespace AuthMesh.Gateway.Sessions;

/// <summary>A browser's session cookie: 256 random bits in the canonical encoding of the identity service.</summary>
internal sealed class SessionCookie : Credential
{
    private const int SecretBytes = 32;

    private static readonly Uri Path = new("/internal/exchange", UriKind.Relative);

    private SessionCookie(string text, string? audience)
        : base(text, audience)
    {
    }

    public override string RefusalCode => "invalid_session";

    /// <returns>The cookie, or null if the identity service cannot have set this text.</returns>
    public static SessionCookie? TryParse(string text, string? audience)
    {
        Span<byte> secret = stackalloc byte[SecretBytes];
        return text.Length == Base64Url.GetEncodedLength(SecretBytes)
            // The decoder also rejects left-over bits, which would give one cookie several spellings.
            && Base64Url.DecodeFromChars(text, secret, out _, out var written) == OperationStatus.Done && written == SecretBytes
                ? new SessionCookie(text, audience)
                : null;
    }

    public override HttpRequestMessage ToExchange() => new(HttpMethod.Post, Path)
    {
        Content = JsonContent.Create(new ExchangeRequest(Text, Audience), GatewayJson.Default.ExchangeRequest),
    };
}
