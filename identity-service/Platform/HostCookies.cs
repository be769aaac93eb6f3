using AuthMesh.Cookies;
using AuthMesh.Settings;
using Microsoft.Extensions.Options;

namespace AuthMesh.Identity.Platform;

/// <summary>Sets cookies that are hidden from scripts, bound to this host and, on https, never sent over plain connections.</summary>
internal sealed class HostCookies(IOptions<AuthMeshOptions> mesh)
{
    private readonly bool isHttps = mesh.Value.Issuer.StartsWith("https://", StringComparison.Ordinal);

    public string SessionName { get; } = CookieNames.Session(mesh.Value.Issuer);

    /// <summary>See <see cref="CookieNames.SignIn"/>.</summary>
    public string SignInName { get; } = CookieNames.SignIn(mesh.Value.Issuer);

    /// <summary>See <see cref="CookieNames.Proof"/>.</summary>
    public string ProofName { get; } = CookieNames.Proof(mesh.Value.Issuer);

    public string DeviceName { get; } = CookieNames.Device(mesh.Value.Issuer);

    /// <returns>The value of a cookie; null if the request has none of that name, or several.</returns>
    public static string? Find(HttpRequest request, string name) =>
        CookieHeader.Find(request.Headers.Cookie, name, limit: 2) is [{ } value] ? value : null;

    /// <summary>Sets the cookie. An age of zero removes it.</summary>
    public void Append(HttpResponse response, string name, string value, TimeSpan maxAge) =>
        response.Cookies.Append(name, value, new CookieOptions
        {
            HttpOnly = true,
            SameSite = SameSiteMode.Lax, // the browser sends the cookie with links from other sites, not with their forms
            Secure = isHttps,
            Path = "/",
            MaxAge = maxAge,
        });
}
