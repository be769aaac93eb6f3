using AuthMesh.Cookies;
using AuthMesh.Settings;
using Microsoft.Extensions.Options;

namespace AuthMesh.Identity.Platform;

/// <summary>Cookies that no script reads, no other host gets and, on https, no plain connection carries.</summary>
internal sealed class HostCookies(IOptions<AuthMeshOptions> mesh)
{
    private readonly bool isHttps = mesh.Value.Issuer.StartsWith("https://", StringComparison.Ordinal);

    public string SessionName { get; } = CookieNames.Session(mesh.Value.Issuer);

    public string DeviceName { get; } = CookieNames.Device(mesh.Value.Issuer);

    /// <summary>Sets the cookie. An age of zero removes it.</summary>
    public void Append(HttpResponse response, string name, string value, TimeSpan maxAge) =>
        response.Cookies.Append(name, value, new CookieOptions
        {
            HttpOnly = true,
            SameSite = SameSiteMode.Lax, // a link from elsewhere finds its user signed in, a form from elsewhere does not
            Secure = isHttps,
            Path = "/",
            MaxAge = maxAge,
        });
}
