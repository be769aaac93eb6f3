using System.Buffers.Text;
using System.Security.Cryptography;
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

/// <summary>Gives the cookie to a browser and takes it away again. The gateway reads it; it is never sent on to a service.</summary>
internal sealed class SessionCookies(HostCookies cookies)
{
    private const string Name = "authmesh";

    public void Set(HttpResponse response, SessionCookie cookie) =>
        cookies.Append(response, Name, cookie.Text, LiveSession.LongestLifetime);

    public void Clear(HttpResponse response) => cookies.Append(response, Name, "", TimeSpan.Zero);
}
