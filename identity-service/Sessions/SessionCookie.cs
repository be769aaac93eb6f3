using System.Buffers.Text;
using System.Security.Cryptography;
using AuthMesh.Cookies;
using AuthMesh.Identity.Platform;

namespace AuthMesh.Identity.Sessions;

/// <summary>What a browser keeps: 256 random bits that say nothing. The session's row has their SHA-256.</summary>
internal sealed class SessionCookie
{
    private const int SecretBytes = 32;

    private readonly byte[] secret;

    private SessionCookie(byte[] secret) => this.secret = secret;

    public byte[] Hash => SHA256.HashData(secret); // no salt and no cost: nobody guesses 256 bits

    public string Text => Base64Url.EncodeToString(secret);

    public static SessionCookie Create() => new(RandomNumberGenerator.GetBytes(SecretBytes));

    /// <returns>The cookie, or null where the text is none that we would have written.</returns>
    public static SessionCookie? TryParse(string text)
    {
        var secret = new byte[SecretBytes];
        return CanonicalBase64Url.TryDecode(text, secret) ? new SessionCookie(secret) : null;
    }
}

/// <summary>Gives the cookie to a browser and takes it away again. The gateway exchanges it for a token.</summary>
internal sealed class SessionCookies(HostCookies cookies)
{
    public void Set(HttpResponse response, SessionCookie cookie) =>
        cookies.Append(response, cookies.SessionName, cookie.Text, LiveSession.LongestLifetime);

    /// <summary>The session cookies that a request brings; only the gateway passes any on, and only to a logout.</summary>
    public IEnumerable<SessionCookie> FindAll(HttpRequest request, int limit) =>
        CookieHeader.Find(request.Headers.Cookie, cookies.SessionName, limit)
            .Select(value => SessionCookie.TryParse(value!)).OfType<SessionCookie>();

    public void Clear(HttpResponse response) => cookies.Append(response, cookies.SessionName, "", TimeSpan.Zero);
}
