using AuthMesh.Settings;
using AuthMesh.Tls;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace AuthMesh.Requests;

/// <summary>
/// The addresses at which the gateway reaches a service: HTTP/2 at <see cref="AuthMeshOptions.Http2Url"/>, and TLS at the https ones. A
/// service that uses neither keeps all endpoint settings of its own.
/// </summary>
internal static class InnerAddresses
{
    public static void AddInnerAddresses(this IHostApplicationBuilder builder)
    {
        builder.Services.AddSingleton(HttpsAddresses.Of(builder.Configuration));
        var http2 = Http2Endpoint.Add(builder);
        var servesTls = builder.AddServedCertificate(
            AuthMeshOptions.Section, provider => (provider.GetRequiredService<IOptions<AuthMeshOptions>>().Value.Tls, []));
        if (http2 is null && !servesTls)
        {
            return;
        }

        builder.Services.Configure<KestrelServerOptions>(kestrel =>
        {
            Http2Endpoint.SetLimits(kestrel.Limits);
            kestrel.ConfigureEndpointDefaults(endpoint =>
            {
                http2?.ServeOn(endpoint);
                endpoint.ApplicationServices.GetService<ServedCertificate>()?.ServeOn(endpoint);
            });
        });
    }
}
