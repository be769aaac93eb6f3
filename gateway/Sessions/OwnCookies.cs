using AuthMesh.Cookies;
using Yarp.ReverseProxy.Transforms;
using Yarp.ReverseProxy.Transforms.Builder;

namespace AuthMesh.Gateway.Sessions;

/// <summary>
/// Lets only the identity service set or clear session and device cookies. Otherwise another service could sign its callers in as another
/// user (session fixation), here or, on plain http, in a mesh at another port of this host.
/// </summary>
internal sealed class OwnCookies : ITransformProvider
{
    /// <summary>
    /// The name under which a browser would send this Set-Cookie back. Some browsers accept a cookie without a name and send only its
    /// value: <c>=authmesh-8080=…</c> comes back as <c>authmesh-8080=…</c>.
    /// </summary>
    public static ReadOnlySpan<char> NameIn(string? setCookie)
    {
        var pair = setCookie.AsSpan();
        pair = (pair.IndexOf(';') is >= 0 and var end ? pair[..end] : pair).TrimStart(" \t=");
        var name = pair.IndexOf('=') is >= 0 and var equals ? pair[..equals] : pair;
        return name.Trim(" \t");
    }

    public void Apply(TransformBuilderContext context)
    {
        if (!SendServiceKey.IsFor(context.Cluster))
        {
            context.AddResponseTransform(response =>
            {
                var headers = response.HttpContext.Response.Headers;
                if (headers.SetCookie.Count > 0 && headers.SetCookie.Any(IsAMeshs))
                {
                    headers.SetCookie = headers.SetCookie.Where(header => !IsAMeshs(header)).ToArray();
                }

                return ValueTask.CompletedTask;
            });
        }
    }

    private static bool IsAMeshs(string? setCookie) => CookieNames.IsOfAMesh(NameIn(setCookie));

    public void ValidateRoute(TransformRouteValidationContext context)
    {
    }

    public void ValidateCluster(TransformClusterValidationContext context)
    {
    }
}
