using System.Text.RegularExpressions;
using AuthMesh.Settings;
using Microsoft.AspNetCore.Cors.Infrastructure;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;
using Yarp.ReverseProxy.Configuration;

namespace AuthMesh.Gateway;

/// <summary>
/// Lets pages of <see cref="GatewayOptions.CorsOrigins"/> read answers, on every route and with the route's own methods. CORS credentials
/// stay off: these pages send a bearer token, and their visitors' cookies are not used. Every page may read the answers of a
/// <see cref="ProtocolRoutes"/> that says so.
/// </summary>
internal sealed partial class ListedOrigins(IOptions<GatewayOptions> gateway) : IConfigureOptions<CorsOptions>, IProxyConfigFilter
{
    /// <summary>Every page may read the answers.</summary>
    public const string AnyPolicy = "any-origin";

    private const string Policy = "listed-origins";

    // Browsers cache a preflight answer for at most two hours. Ten minutes let a change take effect sooner.
    private static readonly TimeSpan PreflightLifetime = TimeSpan.FromMinutes(10);

    /// <summary>
    /// Whether the text is an origin as browsers write it: a web origin, or that of an app with a web view, such as
    /// <c>capacitor://localhost</c> or <c>app://-</c>. Pages without an origin of their own, for example from a file, send <c>null</c>.
    /// </summary>
    public static bool IsOrigin(string value) => AuthMeshOptions.IsOrigin(value) || AppOrigin().IsMatch(value);

    [GeneratedRegex(@"^(?!(https?|wss?|ftp|file|data|blob|about|javascript):)[a-z][a-z0-9+.-]*://[a-z0-9.-]+(:[0-9]{1,5})?\z")]
    private static partial Regex AppOrigin();

    public void Configure(CorsOptions options)
    {
        options.AddPolicy(Policy, policy => policy
            .WithOrigins([.. gateway.Value.CorsOrigins])
            .AllowAnyMethod() // routing has already matched the method
            .WithHeaders(HeaderNames.Authorization, HeaderNames.ContentType)
            .SetPreflightMaxAge(PreflightLifetime));
        options.AddPolicy(AnyPolicy, policy => policy
            .AllowAnyOrigin().AllowAnyMethod().AllowAnyHeader()
            .WithExposedHeaders(HeaderNames.WWWAuthenticate)
            .SetPreflightMaxAge(PreflightLifetime));
    }

    // A route without a policy answers no OPTIONS, so nothing changes if no origin is listed.
    public ValueTask<RouteConfig> ConfigureRouteAsync(RouteConfig route, ClusterConfig? cluster, CancellationToken cancel) =>
        ValueTask.FromResult(
            ProtocolRoutes.IsReadableByAll(route) ? route with { CorsPolicy = AnyPolicy }
            : gateway.Value.CorsOrigins.Count == 0 ? route
            : route with { CorsPolicy = Policy });

    public ValueTask<ClusterConfig> ConfigureClusterAsync(ClusterConfig cluster, CancellationToken cancel) => ValueTask.FromResult(cluster);
}
