using AuthMesh.Cookies;
using AuthMesh.Settings;
using Microsoft.Extensions.Options;
using Yarp.ReverseProxy.Transforms;
using Yarp.ReverseProxy.Transforms.Builder;

namespace AuthMesh.Gateway.Sessions;

/// <summary>The cookies that <see cref="SessionCookies"/> does not exchange but leaves to the service behind the route.</summary>
internal sealed record PresentedCookies(IReadOnlyList<SessionCookie> Cookies);

/// <summary>
/// Passes session cookies on if the route's metadata is <see cref="SessionCookies.Passed"/>. A logout thereby ends sessions whose cookie
/// can no longer be exchanged, and every session if a browser sends several cookies.
/// </summary>
internal sealed class PassedSessionCookies(IOptions<AuthMeshOptions> mesh) : ITransformProvider
{
    private readonly string name = CookieNames.Session(mesh.Value.Issuer);

    public void Apply(TransformBuilderContext context)
    {
        if (context.Route.Metadata?.GetValueOrDefault(SessionCookies.Metadata) == SessionCookies.Passed)
        {
            context.AddRequestTransform(request =>
            {
                if (request.HttpContext.Features.Get<PresentedCookies>() is { Cookies: { Count: > 0 } cookies })
                {
                    request.ProxyRequest.Headers.TryAddWithoutValidation(
                        "Cookie", string.Join("; ", cookies.Select(cookie => $"{name}={cookie.Text}")));
                }

                return ValueTask.CompletedTask;
            });
        }
    }

    public void ValidateRoute(TransformRouteValidationContext context)
    {
    }

    public void ValidateCluster(TransformClusterValidationContext context)
    {
    }
}
