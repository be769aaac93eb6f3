using System.Text.RegularExpressions;
using AuthMesh.Settings;
using Microsoft.AspNetCore.Cors.Infrastructure;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;
using Yarp.ReverseProxy.Configuration;

namespace AuthMesh.Gateway;

/// <summary>
/// Lets pages of <see cref="GatewayOptions.CorsOrigins"/> read answers, on every route and with the route's own methods. Without
/// credentials: they bring a bearer token, and their visitors' cookies stay out of it.
/// </summary>
internal sealed partial class ListedOrigins(IOptions<GatewayOptions> gateway) : IConfigureOptions<CorsOptions>, IProxyConfigFilter
{
    private const string Policy = "listed-origins";

    // Before browsers ask again. Two hours is the most that any of them remembers; a change should show sooner.
    private static readonly TimeSpan PreflightLifetime = TimeSpan.FromMinutes(10);

    /// <summary>
    /// Whether a browser writes an origin so: one of the web, or one of an app that shows its pages in a web view, such as
    /// <c>capacitor://localhost</c> or <c>app://-</c>. Pages without an origin of their own, from a file for example, say <c>null</c>.
    /// </summary>
    public static bool IsOrigin(string value) => AuthMeshOptions.IsOrigin(value) || AppOrigin().IsMatch(value);

    [GeneratedRegex(@"^(?!(https?|wss?|ftp|file|data|blob|about|javascript):)[a-z][a-z0-9+.-]*://[a-z0-9.-]+(:[0-9]{1,5})?\z")]
    private static partial Regex AppOrigin();

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
