using System.Diagnostics.Metrics;
using AuthMesh.Settings;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace AuthMesh.Tls;

/// <summary>The ports of the https addresses on which a program listens. Empty if all are plain http.</summary>
internal sealed record HttpsAddresses(IReadOnlyList<int> Ports)
{
    public static HttpsAddresses Of(IConfiguration configuration) => new(ListeningAddress.HttpsPorts(configuration));
}

internal static class TlsServices
{
    /// <summary>Registers a <see cref="ServedCertificate"/> if a section names one for the https addresses of this program.</summary>
    /// <param name="builder">The program.</param>
    /// <param name="section">The section above <c>Tls</c>.</param>
    /// <param name="read">Reads the checked settings, and the names that clients expect.</param>
    /// <returns>Whether it is registered.</returns>
    public static bool AddServedCertificate(
        this IHostApplicationBuilder builder, string section,
        Func<IServiceProvider, (TlsOptions Options, IReadOnlyList<string> Hosts)> read)
    {
        var addresses = HttpsAddresses.Of(builder.Configuration);
        var file = builder.Configuration[$"{section}:Tls:{nameof(TlsOptions.CertificateFile)}"];
        if (addresses.Ports.Count == 0 || string.IsNullOrEmpty(file))
        {
            return false;
        }

        builder.Services.AddSingleton(provider =>
        {
            var (options, hosts) = read(provider);
            return new ServedCertificate(
                addresses, options, hosts, provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<IMeterFactory>(),
                provider.GetRequiredService<ILogger<ServedCertificate>>());
        });
        builder.Services.AddHostedService(provider => provider.GetRequiredService<ServedCertificate>());
        return true;
    }
}
