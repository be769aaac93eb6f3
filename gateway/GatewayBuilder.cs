using System.Text;
using AuthMesh.Gateway.Connections;
using AuthMesh.Gateway.Sessions;
using AuthMesh.Settings;
using Microsoft.AspNetCore.Cors.Infrastructure;
using Microsoft.AspNetCore.HttpOverrides;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Yarp.ReverseProxy.SessionAffinity;

namespace AuthMesh.Gateway;

/// <summary>The one origin: what stands in front of every route, whoever adds it.</summary>
internal static class GatewayBuilder
{
    /// <summary>Of all clients together; each costs memory before anybody knows who it is.</summary>
    public const int MaxConnections = 10_000;

    public static void AddGateway(this WebApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddTraceContext();
        services.AddSettings<GatewayOptions, GatewayOptionsValidator>(GatewayOptions.Section)
            .BindConfiguration(GatewayOptions.Section, binder => binder.ErrorOnUnknownConfiguration = true);
        services.AddRequestTimeouts();
        services.AddReverseProxy()
            .LoadFromConfig(builder.Configuration.GetSection("ReverseProxy"))
            .ConfigureHttpClient((_, handler) =>
            {
                handler.ConnectTimeout = TimeSpan.FromSeconds(2); // inner hosts are near or gone
                handler.RequestHeaderEncodingSelector = (_, _) => Encoding.UTF8; // as the gateway reads them; ASCII would fail the request
            })
            .AddConfigFilter<CompleteRoutes>()
            .AddConfigFilter<ListedOrigins>()
            .AddTransforms<PassedHeaders>()
            .AddTransforms<ServiceCredential>()
            .AddTransforms<OwnCookies>()
            .AddTransforms<PassedSessionCookies>()
            .AddTransforms<DeviceCookie>();
        // Its cookies of session affinity, for which no pipeline stands here, would bring data protection and a key in the home folder.
        services.RemoveAll<ISessionAffinityPolicy>();
        services.RemoveDataProtectionStart();
        services.AddSingleton<IConfigureOptions<CorsOptions>, ListedOrigins>();
        services.AddSingleton<IConfigureOptions<ForwardedHeadersOptions>, TrustedProxies>();
        services.AddSingleton<RequestOrigins>();
        services.AddSessionCookies();
        services.AddSingleton<DestinationsHealth>();
        services.AddHealthChecks().AddCheck<DestinationsHealth>("destinations");

        services.AddSingleton<ConnectionLimit>();
        var inner = InnerEndpoint.Add(builder);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Limits.MaxRequestHeadersTotalSize = 32 * 1024;
            kestrel.Limits.MaxRequestBodySize = 64 * 1024; // a route that needs more says so with a MaxRequestBodySize of its own
            kestrel.Limits.MaxConcurrentConnections = MaxConnections; // for each address that it listens at
            kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(10);
            kestrel.ConfigureEndpointDefaults(endpoint =>
            {
                if (inner is null || endpoint.IPEndPoint?.Port != inner.Port)
                {
                    var limit = endpoint.ApplicationServices.GetRequiredService<ConnectionLimit>();
                    var unsized = new UnsizedRequests(kestrel.Limits);
                    endpoint.Use(next => connection => limit.RunAsync(connection, next));
                    endpoint.Use(next => connection => unsized.RunAsync(connection, next));
                }
            });
        });
    }
}
