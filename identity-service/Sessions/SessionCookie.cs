using System.Buffers.Text;
using System.Security.Cryptography;
using AuthMesh.Settings;
using Microsoft.Extensions.Options;

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

/// <summary>Gives the cookie to a browser and takes it away again. The gateway reads it; it is never sent on to a service.</summary>
internal sealed class SessionCookies(IOptions<AuthMeshOptions> mesh)
{
    public void Set(HttpResponse response, SessionCookie cookie) => Append(response, cookie.Text, LiveSession.LongestLifetime);

    public void Clear(HttpResponse response) => Append(response, "", TimeSpan.Zero);

    private void Append(HttpResponse response, string value, TimeSpan maxAge)
    {
        // The prefix binds a cookie to this host, this path and https (RFC 6265bis §4.1.3.2); on plain http browsers refuse it.
        var isHttps = mesh.Value.Issuer.StartsWith("https://", StringComparison.Ordinal);
        response.Cookies.Append(isHttps ? "__Host-authmesh" : "authmesh", value, new CookieOptions
        {
            HttpOnly = true,
            SameSite = SameSiteMode.Lax, // a link from elsewhere finds its user signed in, a form from elsewhere does not
            Secure = isHttps,
            Path = "/",
            MaxAge = maxAge,
        });
    }
}
