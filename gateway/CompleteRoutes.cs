using AuthMesh.Gateway.Sessions;
using Yarp.ReverseProxy.Configuration;

namespace AuthMesh.Gateway;

/// <summary>
/// Refuses a route that does not say who may pass, with which methods and to where, at start and whenever the settings are read again. What
/// the proxy takes for granted otherwise is everybody, with everything.
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

        if (route.Match.Methods is not { Count: > 0 })
        {
            throw new InvalidOperationException(
                $"{key}:Match:Methods is not set. List the methods that the service behind this route answers.");
        }

        if (cluster is null)
        {
            throw new InvalidOperationException(
                $"{key}:ClusterId names {route.ClusterId}, and there is no such cluster under ReverseProxy:Clusters.");
        }

        if (route.Metadata?.GetValueOrDefault(SessionCookies.Metadata) is { } use and not SessionCookies.IfUsable)
        {
            throw new InvalidOperationException(
                $"{key}:Metadata:{SessionCookies.Metadata} is {use}. Write {SessionCookies.IfUsable}, or leave it out: routes that are not "
                + "anonymous take the cookie anyway.");
        }

        if (route.Metadata?.GetValueOrDefault(DeviceCookie.Metadata) is { } isPassed
            && (isPassed != "true" || !ServiceCredential.IsFor(cluster)))
        {
            throw new InvalidOperationException(
                $"{key}:Metadata:{DeviceCookie.Metadata} is {isPassed}. Write true, and that only where the identity service signs "
                + "somebody in, or "
                + "leave it out: the cookie is nobody else's to see.");
        }

        return ValueTask.FromResult(route);
    }

    public ValueTask<ClusterConfig> ConfigureClusterAsync(ClusterConfig cluster, CancellationToken cancel) => ValueTask.FromResult(cluster);
}
