using AuthMesh.Settings;
using Microsoft.Extensions.Options;

namespace AuthMesh.Identity.Platform;

/// <summary>Cookies that no script reads, no other host gets and, on https, no plain connection carries.</summary>
internal sealed class HostCookies(IOptions<AuthMeshOptions> mesh)
{
    private bool IsHttps => mesh.Value.Issuer.StartsWith("https://", StringComparison.Ordinal);

    /// <summary>
    /// The prefix binds a cookie to this host, this path and https (RFC 6265bis §4.1.3.2); on plain http browsers refuse it.
    /// </summary>
    public string NameOf(string plainName) => IsHttps ? "__Host-" + plainName : plainName;

    /// <summary>An age of nothing takes the cookie away.</summary>
    public void Append(HttpResponse response, string plainName, string value, TimeSpan maxAge) =>
        response.Cookies.Append(NameOf(plainName), value, new CookieOptions
        {
            HttpOnly = true,
            SameSite = SameSiteMode.Lax, // a link from elsewhere finds its user signed in, a form from elsewhere does not
            Secure = IsHttps,
            Path = "/",
            MaxAge = maxAge,
        });
}
