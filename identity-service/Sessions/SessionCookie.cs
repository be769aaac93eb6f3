using System.Buffers.Text;
using System.Security.Cryptography;
using AuthMesh.Cookies;
using AuthMesh.Identity.Platform;

namespace AuthMesh.Identity.Sessions;

/// <summary>A browser's session cookie: 256 random bits without content. The session's row has their SHA-256.</summary>
internal sealed class SessionCookie
{
    private const int SecretBytes = 32;

    private readonly byte[] secret;

    private SessionCookie(byte[] secret) => this.secret = secret;

    public byte[] Hash => SHA256.HashData(secret); // 256 random bits cannot be guessed, so they need neither salt nor cost

    public string Text => Base64Url.EncodeToString(secret);

    public static SessionCookie Create() => new(RandomNumberGenerator.GetBytes(SecretBytes));

    /// <returns>The cookie, or null if this service cannot have written the text.</returns>
    public static SessionCookie? TryParse(string text)
    {
        var secret = new byte[SecretBytes];
        return CanonicalBase64Url.TryDecode(text, secret) ? new SessionCookie(secret) : null;
    }
}

/// <summary>Sets and clears the browser's session cookie. The gateway exchanges the cookie for a token.</summary>
internal sealed class SessionCookies(HostCookies cookies)
{
    public void Set(HttpResponse response, SessionCookie cookie) =>
        cookies.Append(response, cookies.SessionName, cookie.Text, LiveSession.LongestLifetime);

    /// <summary>Finds the session cookies of a request. The gateway passes them on only to a logout.</summary>
    public IEnumerable<SessionCookie> FindAll(HttpRequest request, int limit) =>
        CookieHeader.Find(request.Headers.Cookie, cookies.SessionName, limit)
            .Select(value => SessionCookie.TryParse(value!)).OfType<SessionCookie>();

    public void Clear(HttpResponse response) => cookies.Append(response, cookies.SessionName, "", TimeSpan.Zero);
}
