using System.Globalization;
using AuthMesh.Gateway.Concurrency;
using AuthMesh.Gateway.Connections;
using AuthMesh.Gateway.RateLimiting;
using AuthMesh.Gateway.Resources;
using AuthMesh.Gateway.Streams;
using AuthMesh.Issuer;
using AuthMesh.Settings;
using AuthMesh.Streams;
using AuthMesh.Tls;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;
using Yarp.ReverseProxy.Transforms;
using Yarp.ReverseProxy.Transforms.Builder;

namespace AuthMesh.Gateway;

/// <summary>The section <c>Gateway</c>.</summary>
public sealed class GatewayOptions
{
    public const string Section = "Gateway";

    /// <summary>The request headers that the gateway forwards to services; it drops all others.</summary>
    public IList<string> RequestHeaders { get; } = [];

    /// <summary>Other origins whose pages may call the mesh, with a bearer token and never with the session cookie.</summary>
    public IList<string> CorsOrigins { get; } = [];

    /// <summary>
    /// Further hosts that requests may name, besides the issuer's: names or addresses, without ports. In Development, loopback names count
    /// too.
    /// </summary>
    public IList<string> AllowedHosts { get; } = [];

    /// <summary>The certificate for the https addresses.</summary>
    public TlsOptions Tls { get; set; } = new();

    /// <summary>How many connections one client may hold.</summary>
    public ConnectionOptions Connections { get; set; } = new();

    /// <summary>How many requests a client may send.</summary>
    public RateLimitOptions RateLimits { get; set; } = new();

    /// <summary>How many requests a destination gets at a time.</summary>
    public ConcurrencyOptions Concurrency { get; set; } = new();

    /// <summary>How many streams stay open, and how long idle ones.</summary>
    public StreamOptions Streams { get; set; } = new();

    /// <summary>
    /// A second address, for probes: <c>http://127.0.0.1:8081</c>, or <c>http://+:8081</c> for all addresses. It answers
    /// <c>/health/live</c> and <c>/health/ready</c> even while clients hold every connection of the public one. Off unless set. Keep it
    /// inside your network.
    /// </summary>
    public string InnerUrl { get; set; } = "";

    /// <summary>
    /// Addresses and networks of the proxies in front of the gateway, whose X-Forwarded-For the gateway trusts. It trusts none unless set.
    /// </summary>
    public IList<string> TrustedProxies { get; } = [];

    /// <summary>
    /// How many access tokens of session cookies and keys the gateway caches at most: 100 to 1,000,000, about 2 KB each. Up to half that
    /// number are guaranteed to stay cached while they are in use.
    /// </summary>
    public int SessionTokens { get; set; } = 20_000;
}

internal sealed class GatewayOptionsValidator(InnerEndpoint? inner = null, HttpsAddresses? https = null)
    : IValidateOptions<GatewayOptions>
{
    // With these headers, a caller could claim a foreign address, session or connection.
    private static readonly string[] Never =
        [
            IssuerConnection.ServiceKeyHeader, GatewayMark.Header, "Connection", "Cookie", "Forwarded", "Host", "Keep-Alive",
            "Proxy-Authorization",
            "TE", "Trailer",
            "Transfer-Encoding", "Upgrade",
        ];

    public ValidateOptionsResult Validate(string? name, GatewayOptions options)
    {
        var problems = new SettingProblems(GatewayOptions.Section);
        problems.Unless(
            options.RequestHeaders.Contains("Authorization", StringComparer.OrdinalIgnoreCase), nameof(options.RequestHeaders),
            "must contain Authorization: services validate the caller's token themselves.");
        foreach (var header in options.RequestHeaders)
        {
            problems.Unless(
                !Never.Contains(header, StringComparer.OrdinalIgnoreCase)
                && !header.StartsWith("X-Forwarded", StringComparison.OrdinalIgnoreCase),
                nameof(options.RequestHeaders), $"must not contain {header}: only the gateway may set or remove it.");
        }

        foreach (var origin in options.CorsOrigins)
        {
            problems.Unless(
                ListedOrigins.IsOrigin(origin), nameof(options.CorsOrigins),
                "must hold origins, scheme and host without a path or a slash at the end, for example https://app.example.com or "
                + $"capacitor://localhost. {origin} is not an origin.");
        }

        AllowedHosts.Check(options, problems);
        options.Tls.Check(problems, https);
        problems.Unless(
            options.Tls.IsSet || https is null or { Ports.Count: 0 }, "Tls:CertificateFile",
            "and Tls:KeyFile must name PEM files: an address in ASPNETCORE_URLS is https.");
        TrustedProxies.Check(options, problems);
        problems.Unless(options.SessionTokens is >= 100 and <= 1_000_000, nameof(options.SessionTokens), "must be 100 to 1000000.");
        problems.Unless(
            options.Connections.PerAddress is >= 10 and <= GatewayBuilder.MaxConnections, "Connections:PerAddress",
            $"must be 10 to {GatewayBuilder.MaxConnections}, the limit for all clients together.");
        options.RateLimits.Check(problems);
        options.Concurrency.Check(problems);
        options.Streams.Check(problems);
        problems.Unless(
            options.InnerUrl.Length == 0 || inner is not null, nameof(options.InnerUrl),
            "must be http, an address, and a port that no other address of the gateway uses, for example http://127.0.0.1:8081 or "
            + "http://+:8081.");
        return problems.Result;
    }
}

/// <summary>
/// Forwards only listed request headers. A list of headers to strip would have to name every identity header that some service trusts
/// (X-User-Id, X_Forwarded_For, X-Original-URL, …); the allow-list drops them all. The gateway sets X-Forwarded-For from the connection or
/// from a trusted proxy's header. It sets X-Forwarded-Proto, -Host and -Port from the settings, regardless of the caller and proxies. It
/// continues the trace context (traceparent, tracestate) instead of copying it, so callers choose it; SECURITY.md lists the consequences.
/// </summary>
internal sealed class PassedHeaders(IOptions<GatewayOptions> options, IOptions<AuthMeshOptions> mesh) : ITransformProvider
{
    // Without these, a forwarded request would change its meaning: a compressed body, a part of a body, a range of another version.
    private static readonly string[] Always = [HeaderNames.ContentEncoding, HeaderNames.ContentRange, HeaderNames.IfRange];

    public void Apply(TransformBuilderContext context)
    {
        context.AddRequestHeadersAllowed(
            [
                .. options.Value.RequestHeaders, .. Always, .. StreamingRoutes.IsStreaming(context.Route) ? StreamingRoutes.Headers : [],
                .. RouteAudience.Of(context.Route) is null ? [] : RouteAudience.Headers,
            ]);
        var origin = new Uri(PagesHost.IsForPagesAlone(context.Route) ? mesh.Value.OriginOfPages : mesh.Value.Issuer);
        // These come last, so they override values that a route's own transforms derive from the caller's headers.
        context.UseDefaultForwarders = false;
        context.AddXForwardedFor(action: ForwardedTransformActions.Set);
        context.AddXForwardedPrefix(action: ForwardedTransformActions.Remove);
        context.AddRequestHeader("X-Forwarded-Proto", origin.Scheme, append: false);
        context.AddRequestHeader("X-Forwarded-Host", origin.Authority, append: false);
        context.AddRequestHeader("X-Forwarded-Port", origin.Port.ToString(CultureInfo.InvariantCulture), append: false);
        context.AddRequestHeaderRemove("Forwarded");
        context.AddResponseHeaderRemove("Server", ResponseCondition.Always);
    }

    public void ValidateRoute(TransformRouteValidationContext context)
    {
    }

    public void ValidateCluster(TransformClusterValidationContext context)
    {
    }
}
