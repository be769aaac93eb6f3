using AuthMesh.Gateway.Sessions;
using Yarp.ReverseProxy.Configuration;

namespace AuthMesh.Gateway;

/// <summary>
/// Refuses a route that does not say who may pass, with which methods and to where, at start and whenever the settings are read again: the
/// proxy's own defaults let everybody pass with every method. Where a route takes GET, it takes HEAD.
/// </summary>
internal sealed class CompleteRoutes : IProxyConfigFilter
{
    public ValueTask<RouteConfig> ConfigureRouteAsync(RouteConfig route, ClusterConfig? cluster, CancellationToken cancel)
    {
        var key = $"ReverseProxy:Routes:{route.RouteId}";
        if (string.IsNullOrWhiteSpace(route.AuthorizationPolicy))
        {
            throw new InvalidOperationException(
                $"{key}:AuthorizationPolicy is not set. Write signed-in, admin or anonymous: every route says who may pass.");
        }

        if (route.Match.Methods is not { Count: > 0 } methods)
        {
            throw new InvalidOperationException(
                $"{key}:Match:Methods is not set. List the methods that the service behind this route answers.");
        }

        foreach (var method in methods)
        {
            if (method is "CONNECT" or "TRACE" || method.Any(char.IsAsciiLetterLower))
            {
                throw new InvalidOperationException(
                    $"{key}:Match:Methods has {method}. Methods are written in capitals, and neither CONNECT nor TRACE is forwarded.");
            }
        }

        if (methods.Contains(HttpMethods.Head) && !methods.Contains(HttpMethods.Get))
        {
            throw new InvalidOperationException($"{key}:Match:Methods has HEAD without GET. HEAD is answered wherever GET is: write GET.");
        }

        if (cluster is null)
        {
            throw new InvalidOperationException(
                $"{key}:ClusterId names {route.ClusterId}, and there is no such cluster under ReverseProxy:Clusters.");
        }

        if (route.Metadata?.GetValueOrDefault(SessionCookies.Metadata) is { } use and not SessionCookies.IfUsable
            && (use != SessionCookies.Passed || !ServiceCredential.IsFor(cluster)))
        {
            throw new InvalidOperationException(
                $"{key}:Metadata:{SessionCookies.Metadata} is {use}. Write {SessionCookies.IfUsable}, or leave it out: routes that are not "
                + $"anonymous take the cookie anyway. {SessionCookies.Passed} is for the logout of the identity service alone.");
        }

        if (route.Metadata?.GetValueOrDefault(DeviceCookie.Metadata) is { } isPassed
            && (isPassed != "true" || !ServiceCredential.IsFor(cluster)))
        {
            throw new InvalidOperationException(
                $"{key}:Metadata:{DeviceCookie.Metadata} is {isPassed}. Write true, and that only where the identity service signs "
                + "somebody in, or "
                + "leave it out: the cookie is nobody else's to see.");
        }

        return ValueTask.FromResult(
            methods.Contains(HttpMethods.Head) || !methods.Contains(HttpMethods.Get)
                ? route
                : route with { Match = route.Match with { Methods = [.. methods, HttpMethods.Head] } }); // RFC 9110 §9.1
    }

    public ValueTask<ClusterConfig> ConfigureClusterAsync(ClusterConfig cluster, CancellationToken cancel) => ValueTask.FromResult(cluster);
}
