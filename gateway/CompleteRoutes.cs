using AuthMesh.Gateway.Destinations;
using AuthMesh.Gateway.RateLimiting;
using AuthMesh.Gateway.Resources;
using AuthMesh.Gateway.Sessions;
using AuthMesh.Gateway.Streams;
using AuthMesh.Settings;
using Microsoft.Extensions.Options;
using Yarp.ReverseProxy.Configuration;

namespace AuthMesh.Gateway;

/// <summary>
/// Refuses a route without an authorization policy, methods or a cluster, at startup and at each reload of the settings: the proxy's
/// defaults admit every caller with every method. A route with GET also gets HEAD, and a cluster with probes uses ready destinations first.
/// </summary>
internal sealed class CompleteRoutes(IOptions<AuthMeshOptions> mesh) : IProxyConfigFilter
{
    public ValueTask<RouteConfig> ConfigureRouteAsync(RouteConfig route, ClusterConfig? cluster, CancellationToken cancel)
    {
        var key = $"ReverseProxy:Routes:{route.RouteId}";
        route = ScopedRoutes.Complete(route, key);
        if (string.IsNullOrWhiteSpace(route.AuthorizationPolicy))
        {
            throw new InvalidOperationException(
                $"{key}:AuthorizationPolicy is not set. Write signed-in, admin, anonymous, scope:NAME or application:NAME: every route "
                + "says which callers it admits.");
        }

        if (route.Match.Methods is not { Count: > 0 } methods)
        {
            throw new InvalidOperationException(
                $"{key}:Match:Methods is not set. List the methods that the service behind this route answers.");
        }

        foreach (var method in methods)
        {
            if (method is "TRACE" || (method is "CONNECT" && !StreamingRoutes.IsStreaming(route)) || method.Any(char.IsAsciiLetterLower))
            {
                throw new InvalidOperationException(
                    $"{key}:Match:Methods has {method}. Methods are written in capitals, and neither CONNECT nor TRACE is forwarded. "
                    + "Only a streaming route has CONNECT.");
            }
        }

        if (methods.Contains(HttpMethods.Head) && !methods.Contains(HttpMethods.Get))
        {
            throw new InvalidOperationException($"{key}:Match:Methods has HEAD without GET. GET routes also answer HEAD: write GET.");
        }

        if (cluster is null)
        {
            throw new InvalidOperationException(
                $"{key}:ClusterId names {route.ClusterId}, which does not exist under ReverseProxy:Clusters.");
        }

        if (route.Metadata?.GetValueOrDefault(SessionCookies.Metadata) is { } use and not SessionCookies.IfUsable
            && (use != SessionCookies.Passed || !SendServiceKey.IsFor(cluster)))
        {
            throw new InvalidOperationException(
                $"{key}:Metadata:{SessionCookies.Metadata} is {use}. Write {SessionCookies.IfUsable}, or leave it out: routes that are not "
                + $"anonymous take the cookie anyway. {SessionCookies.Passed} is only for the logout of the identity service.");
        }

        PassCookies.Check(route, cluster, key);
        PagesHost.Check(route, key);
        RouteDemands.Check(route, key);
        ProtocolRoutes.Check(route, key);
        RouteAudience.Check(route, key, mesh.Value);
        RateClass.Check(route, key);
        StreamingRoutes.Check(route, key);
        if (StreamingRoutes.IsStreaming(route))
        {
            return ValueTask.FromResult(StreamingRoutes.Complete(route));
        }

        return ValueTask.FromResult(
            methods.Contains(HttpMethods.Head) || !methods.Contains(HttpMethods.Get)
                ? route
                : route with { Match = route.Match with { Methods = [.. methods, HttpMethods.Head] } }); // RFC 9110 §9.1
    }

    public ValueTask<ClusterConfig> ConfigureClusterAsync(ClusterConfig cluster, CancellationToken cancel) =>
        ValueTask.FromResult(ReadyDestinations.Complete(cluster));
}
