using AuthMesh.Cookies;
using AuthMesh.Settings;
using Microsoft.Extensions.Options;
using Yarp.ReverseProxy.Transforms;
using Yarp.ReverseProxy.Transforms.Builder;

namespace AuthMesh.Gateway.Sessions;

/// <summary>
/// Passes on only the cookie by which the identity service recognises a device, on routes that ask for it with <see cref="Metadata"/>. If a
/// request has two, it passes on neither, because it cannot tell which one is genuine.
/// </summary>
internal sealed class PassDeviceCookie(IOptions<AuthMeshOptions> mesh) : ITransformProvider
{
    public const string Metadata = "DeviceCookie";

    private const int LongestValue = 200; // twice the length of a real one; keeps large junk headers away from the service

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
