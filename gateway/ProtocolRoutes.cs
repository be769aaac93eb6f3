using Microsoft.Net.Http.Headers;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Model;

namespace AuthMesh.Gateway;

/// <summary>Routes of OAuth and OpenID Connect, which pages of other origins use.</summary>
internal static class ProtocolRoutes
{
    /// <summary>
    /// The metadata of a route that takes unsafe requests from every site. Such a request brings no session cookie, so it acts for nobody.
    /// </summary>
    private const string Origins = "Origins";

    /// <summary>
    /// The metadata of a route whose answers every page may read. They depend on no cookie. It includes <see cref="Origins"/>.
    /// </summary>
    private const string Cors = "Cors";

    /// <summary>
    /// The metadata of a route that knows its caller by the session cookie alone: with the token of an application, somebody could get the
    /// code of another application.
    /// </summary>
    private const string CookieOnly = "CookieOnly";

    private const string Any = "any", True = "true";

    public static bool IsOpenToAllOrigins(Endpoint? endpoint) => Find(endpoint, Origins) == Any || Find(endpoint, Cors) == Any;

    public static bool IsReadableByAll(RouteConfig route) => route.Metadata?.GetValueOrDefault(Cors) == Any;

    /// <summary>Drops the Authorization header on routes that take the session cookie alone.</summary>
    public static IApplicationBuilder UseCookieOnlyRoutes(this IApplicationBuilder app) => app.Use((context, next) =>
    {
        if (Find(context.GetEndpoint(), CookieOnly) == True)
        {
            context.Request.Headers.Remove(HeaderNames.Authorization);
        }

        return next(context);
    });

    /// <exception cref="InvalidOperationException">A value cannot be read, or the route admits only some callers.</exception>
    public static void Check(RouteConfig route, string key)
    {
        foreach (var (name, only) in ((string, string)[])[(Origins, Any), (Cors, Any), (CookieOnly, True)])
        {
            if (route.Metadata?.GetValueOrDefault(name) is { } value && value != only)
            {
                throw new InvalidOperationException($"{key}:Metadata:{name} is {value}. Write {only}, or leave it out.");
            }

            if (route.Metadata?.ContainsKey(name) is true && route.AuthorizationPolicy != "anonymous")
            {
                throw new InvalidOperationException(
                    $"{key}:Metadata has {name}, which is for routes whose service judges callers itself. Their AuthorizationPolicy is "
                    + "anonymous.");
            }
        }
    }

    private static string? Find(Endpoint? endpoint, string name) =>
        endpoint?.Metadata.GetMetadata<RouteModel>()?.Config.Metadata?.GetValueOrDefault(name);
}
