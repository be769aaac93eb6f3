using Microsoft.AspNetCore.Cors.Infrastructure;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;
using Yarp.ReverseProxy.Configuration;

namespace AuthMesh.Gateway;

/// <summary>
/// Lets pages of <see cref="GatewayOptions.CorsOrigins"/> read answers, on every route and with the route's own methods. Without
/// credentials: they bring a bearer token, and their visitors' cookies stay out of it.
/// </summary>
internal sealed class ListedOrigins(IOptions<GatewayOptions> gateway) : IConfigureOptions<CorsOptions>, IProxyConfigFilter
{
    private const string Policy = "listed-origins";

    // Before browsers ask again. Two hours is the most that any of them remembers; a change should show sooner.
    private static readonly TimeSpan PreflightLifetime = TimeSpan.FromMinutes(10);

    public void Configure(CorsOptions options) => options.AddPolicy(Policy, policy => policy
        .WithOrigins([.. gateway.Value.CorsOrigins])
        .AllowAnyMethod() // routing has found the route by it already
        .WithHeaders(HeaderNames.Authorization, HeaderNames.ContentType)
        .SetPreflightMaxAge(PreflightLifetime));

    // A route without the policy takes no OPTIONS, so that nothing changes where nobody is listed.
    public ValueTask<RouteConfig> ConfigureRouteAsync(RouteConfig route, ClusterConfig? cluster, CancellationToken cancel) =>
        ValueTask.FromResult(gateway.Value.CorsOrigins.Count == 0 ? route : route with { CorsPolicy = Policy });

    public ValueTask<ClusterConfig> ConfigureClusterAsync(ClusterConfig cluster, CancellationToken cancel) => ValueTask.FromResult(cluster);
}
