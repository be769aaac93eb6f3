using System.Text;
using AuthMesh.Errors;
using AuthMesh.Gateway.Concurrency;
using AuthMesh.Gateway.Connections;
using AuthMesh.Gateway.Destinations;
using AuthMesh.Gateway.RateLimiting;
using AuthMesh.Gateway.Sessions;
using AuthMesh.Gateway.Streams;
using AuthMesh.Settings;
using AuthMesh.Tls;
using Microsoft.AspNetCore.Cors.Infrastructure;
using Microsoft.AspNetCore.HttpOverrides;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Yarp.ReverseProxy.SessionAffinity;

namespace AuthMesh.Gateway;

/// <summary>Builds the one origin: everything in front of the routes, including routes that others add.</summary>
internal static class GatewayBuilder
{
    /// <summary>The limit for all clients together; each connection costs memory before its caller is known.</summary>
    public const int MaxConnections = 10_000;

    public static void AddGateway(this WebApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddSettings<GatewayOptions, GatewayOptionsValidator>(GatewayOptions.Section)
            .BindConfiguration(GatewayOptions.Section, binder => binder.ErrorOnUnknownConfiguration = true);
        services.AddOptions<AuthMeshOptions>().Validate(
            options => options.Http2Url.Length == 0, "AuthMesh:Http2Url is for services behind the gateway. Leave it out here.");
        services.AddOptions<AuthMeshOptions>().Validate(
            options => !options.Tls.IsSet,
            "AuthMesh:Tls:CertificateFile and AuthMesh:Tls:KeyFile are for services behind the gateway. Here, set "
            + "Gateway:Tls:CertificateFile and Gateway:Tls:KeyFile.");
        services.AddOptions<GatewayOptions>().Validate<IConfiguration>(
            (options, configuration) => !options.Tls.IsSet || SafeResponseHeaders.IsHttps(configuration["AuthMesh:Issuer"]),
            "Gateway:Tls:CertificateFile needs an AuthMesh:Issuer that is https.");
        services.AddSingleton<OwnStatusPages>();
        services.AddRequestTimeouts();
        var trust = new InnerTrust(builder.Configuration["AuthMesh:Tls:RootCertificateFile"]);
        services.AddReverseProxy()
            .LoadFromConfig(builder.Configuration.GetSection("ReverseProxy"))
            .ConfigureHttpClient((_, handler) =>
            {
                handler.ConnectTimeout = TimeSpan.FromSeconds(2); // inner hosts are near, so a slow connect means a dead host
                // Over HTTP/2, all requests to a replica share a connection. Pings notice within seconds that its host is gone.
                handler.KeepAlivePingDelay = handler.KeepAlivePingTimeout = TimeSpan.FromSeconds(2);
                handler.KeepAlivePingPolicy = HttpKeepAlivePingPolicy.WithActiveRequests;
                handler.RequestHeaderEncodingSelector = (_, _) => Encoding.UTF8; // as the gateway reads them; ASCII would fail the request
                trust.ApplyTo(handler.SslOptions);
            })
            .AddDestinations()
            .AddConfigFilter<CompleteRoutes>()
            .AddConfigFilter<ListedOrigins>()
            .AddTransforms<PassedHeaders>()
            .AddTransforms<SendServiceKey>()
            .AddTransforms<OwnCookies>()
            .AddTransforms<PassedSessionCookies>()
            .AddTransforms<PassCookies>()
            .AddTransforms<PassOrigin>()
            .AddTransforms<TraceWithoutActivity>()
            .AddTransforms<MarkStreams>()
            .AddTransforms<HeadersOfStreams>();
        // The pipeline has no session affinity, but YARP's affinity cookies would load data protection and write a key to the home folder.
        services.RemoveAll<ISessionAffinityPolicy>();
        services.RemoveDataProtectionStart();
        services.AddSingleton<IConfigureOptions<CorsOptions>, ListedOrigins>();
        services.AddSingleton<IConfigureOptions<ForwardedHeadersOptions>, TrustedProxies>();
        services.AddSingleton<RequestOrigins>();
        services.AddSingleton<PagesHost>().AddSingleton<MatcherPolicy, PagesHostPolicy>();
        services.AddSessionCookies();
        services.AddScopedRoutes();
        services.AddSingleton<RefusedRequests>().AddSingleton<RateLimits>().AddSingleton<DestinationPlaces>();
        services.AddGuard();
        services.AddGatewayStreams();
        services.AddSingleton<DestinationsHealth>();
        services.AddHealthChecks().AddCheck<DestinationsHealth>("destinations");

        services.AddSingleton<ConnectionLimit>();
        var inner = InnerEndpoint.Add(builder);
        builder.AddServedCertificate(GatewayOptions.Section, ReadTls);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Limits.MaxRequestHeadersTotalSize = 32 * 1024;
            kestrel.Limits.MaxRequestBodySize = 64 * 1024; // a route that needs more sets its own MaxRequestBodySize
            kestrel.Limits.MaxConcurrentConnections = MaxConnections; // for each listening address
            kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(10);
            kestrel.Limits.MinRequestBodyDataRate = new(bytesPerSecond: 240, gracePeriod: TimeSpan.FromSeconds(5));
            kestrel.ConfigureEndpointDefaults(endpoint =>
            {
                if (inner is null || endpoint.IPEndPoint?.Port != inner.Port)
                {
                    var limit = endpoint.ApplicationServices.GetRequiredService<ConnectionLimit>();
                    var unsized = new UnsizedRequests(kestrel.Limits);
                    endpoint.Use(next => connection => limit.RunAsync(connection, next)); // before the handshake, which costs the most
                    endpoint.ApplicationServices.GetService<ServedCertificate>()?.ServeOn(endpoint);
                    endpoint.Use(next => connection => unsized.RunAsync(connection, next));
                }
            });
        });
    }

    private static (TlsOptions Options, IReadOnlyList<string> Hosts) ReadTls(IServiceProvider services)
    {
        var mesh = services.GetRequiredService<IOptions<AuthMeshOptions>>().Value;
        return (
            services.GetRequiredService<IOptions<GatewayOptions>>().Value.Tls,
            [.. new[] { mesh.Issuer, mesh.OriginOfPages }.Select(origin => new Uri(origin).IdnHost).Distinct()]);
    }
}
