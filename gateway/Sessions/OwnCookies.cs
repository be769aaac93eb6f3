using AuthMesh.Settings;
using Microsoft.Extensions.Options;
using Yarp.ReverseProxy.Transforms;
using Yarp.ReverseProxy.Transforms.Builder;

namespace AuthMesh.Gateway.Sessions;

/// <summary>
/// Only the identity service may give or take a session cookie or a device's. Any other service that could would sign its callers in as
/// whom it likes (session fixation).
/// </summary>
internal sealed class OwnCookies(IOptions<AuthMeshOptions> mesh) : ITransformProvider
{
    private readonly string[] names = [SessionCookie.NameFor(mesh.Value.Issuer), DeviceCookie.NameFor(mesh.Value.Issuer)];

    /// <summary>
    /// Whether a browser that takes this Set-Cookie would send something under the name. Some keep one without a name of its own, and send
    /// its value as it is: <c>=authmesh=…</c> comes back as <c>authmesh=…</c>.
    /// </summary>
    public static bool IsOurs(string? setCookie, string name)
    {
        var pair = setCookie.AsSpan();
        pair = (pair.IndexOf(';') is >= 0 and var end ? pair[..end] : pair).TrimStart(" \t=");
        var own = pair.IndexOf('=') is >= 0 and var equals ? pair[..equals] : pair;
        return own.Trim(" \t").Equals(name, StringComparison.OrdinalIgnoreCase);
    }

    public void Apply(TransformBuilderContext context)
    {
        if (!ServiceCredential.IsFor(context.Cluster))
        {
            context.AddResponseTransform(response =>
            {
                var headers = response.HttpContext.Response.Headers;
                if (headers.SetCookie.Count > 0 && headers.SetCookie.Any(IsAnyOfOurs))
                {
                    headers.SetCookie = headers.SetCookie.Where(header => !IsAnyOfOurs(header)).ToArray();
                }

                return ValueTask.CompletedTask;
            });
        }
    }

    private bool IsAnyOfOurs(string? setCookie) => names.Any(name => IsOurs(setCookie, name));

    public void ValidateRoute(TransformRouteValidationContext context)
    {
    }

    public void ValidateCluster(TransformClusterValidationContext context)
    {
    }
}
