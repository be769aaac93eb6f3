using AuthMesh.Cookies;
using AuthMesh.Settings;
using Microsoft.Extensions.Options;
using Yarp.ReverseProxy.Transforms;
using Yarp.ReverseProxy.Transforms.Builder;

namespace AuthMesh.Gateway.Sessions;

/// <summary>
/// Passes on the cookie by which the identity service knows a device again, and no other, on routes that ask for it with
/// <see cref="Metadata"/>. Of two nobody can tell which is the browser's, so then there is none.
/// </summary>
internal sealed class DeviceCookie(IOptions<AuthMeshOptions> mesh) : ITransformProvider
{
    public const string Metadata = "DeviceCookie";

    private const int LongestValue = 200; // twice what ours has; a header full of junk would be too much for the service

    private readonly string name = CookieNames.Device(mesh.Value.Issuer);

    public void Apply(TransformBuilderContext context)
    {
        if (context.Route.Metadata?.ContainsKey(Metadata) is true)
        {
            context.AddRequestTransform(request =>
            {
                if (CookieHeader.Find(request.HttpContext.Request.Headers.Cookie, name, limit: 2) is [{ Length: <= LongestValue } value])
                {
                    request.ProxyRequest.Headers.TryAddWithoutValidation("Cookie", $"{name}={value}");
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
