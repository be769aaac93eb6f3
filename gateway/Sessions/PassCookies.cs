using System.Collections.Frozen;
using AuthMesh.Cookies;
using AuthMesh.Settings;
using Microsoft.Extensions.Options;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Transforms;
using Yarp.ReverseProxy.Transforms.Builder;

namespace AuthMesh.Gateway.Sessions;

/// <summary>
/// Passes some of the mesh's own cookies to the identity service, on routes that name them in <see cref="Metadata"/>: <c>device</c>,
/// <c>sign-in</c>, <c>proof</c>. If a request has two cookies of one name, it passes on neither, because it cannot tell which one is
/// genuine. The session cookie is never among them: see <see cref="SessionCookies"/>.
/// </summary>
internal sealed class PassCookies(IOptions<AuthMeshOptions> mesh) : ITransformProvider
{
    private const string Metadata = "Cookies";

    private const int LongestValue = 200; // twice the length of a real one; keeps large junk headers away from the service

    private static readonly FrozenDictionary<string, Func<string, string>> Known = new Dictionary<string, Func<string, string>>
    {
        ["device"] = CookieNames.Device,
        ["sign-in"] = CookieNames.SignIn,
        ["proof"] = CookieNames.Proof,
    }.ToFrozenDictionary();

    public void Apply(TransformBuilderContext context)
    {
        if (context.Route.Metadata?.GetValueOrDefault(Metadata) is not { } value)
        {
            return;
        }

        string[] names = [.. Split(value).Select(name => Known[name](mesh.Value.Issuer))];
        context.AddRequestTransform(request =>
        {
            var headers = request.HttpContext.Request.Headers.Cookie;
            var cookies = new List<string>(names.Length);
            foreach (var name in names)
            {
                if (CookieHeader.Find(headers, name, limit: 2) is [{ Length: <= LongestValue } cookie])
                {
                    cookies.Add($"{name}={cookie}");
                }
            }

            if (cookies.Count > 0)
            {
                request.ProxyRequest.Headers.TryAddWithoutValidation("Cookie", string.Join("; ", cookies));
            }

            return ValueTask.CompletedTask;
        });
    }

    /// <exception cref="InvalidOperationException">The route names an unknown cookie, or another service would get one.</exception>
    public static void Check(RouteConfig route, ClusterConfig cluster, string key)
    {
        if (route.Metadata?.GetValueOrDefault(Metadata) is { } value
            && (!SendServiceKey.IsFor(cluster) || Split(value) is not { Length: > 0 } names || !names.All(Known.ContainsKey)))
        {
            throw new InvalidOperationException(
                $"{key}:Metadata:{Metadata} is {value}. Write some of {string.Join(", ", Known.Keys.Order(StringComparer.Ordinal))} on "
                + "routes of the identity service, or leave it out: no other service may see these cookies.");
        }
    }

    public void ValidateRoute(TransformRouteValidationContext context)
    {
    }

    public void ValidateCluster(TransformClusterValidationContext context)
    {
    }

    private static string[] Split(string value) =>
        value.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
}
