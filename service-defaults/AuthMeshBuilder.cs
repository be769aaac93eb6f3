using AuthMesh.Access;
using AuthMesh.Errors;
using AuthMesh.Health;
using AuthMesh.Issuer;
using AuthMesh.Keys;
using AuthMesh.Logs;
using AuthMesh.Replicas;
using AuthMesh.Requests;
using AuthMesh.Revocations;
using AuthMesh.Settings;
using AuthMesh.ShortPath;
using AuthMesh.Shutdown;
using AuthMesh.Streams;
using AuthMesh.Tokens;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace AuthMesh;

/// <summary>Puts an ASP.NET Core service behind AuthMesh.</summary>
public static class AuthMeshBuilder
{
    /// <summary>The most bytes of headers in a request: the gateway's limit plus the headers that it adds.</summary>
    internal const int MaximumHeaders = 40 * 1024;

    /// <summary>
    /// Protects the service with one call: every endpoint requires a valid access token of the mesh's issuer, unless it calls
    /// <c>AllowAnonymous()</c>. <see cref="Policies.Admin"/> names the policy for admins. All errors have the mesh's one shape,
    /// <c>/health/live</c> and <c>/health/ready</c> answer, and <c>OTEL_EXPORTER_OTLP_ENDPOINT</c> turns on OpenTelemetry.
    /// </summary>
    /// <remarks>
    /// Needs three settings, <c>AuthMesh:Issuer</c>, <c>AuthMesh:IdentityUrl</c> and <c>AuthMesh:ServiceKey</c> (see
    /// <see cref="AuthMeshOptions"/>). The service is ready once it holds the issuer's keys and knows every ended session. Until then it
    /// answers 503 to requests with a token. Afterwards it validates tokens by itself and depends on no other service.
    /// </remarks>
    public static IHostApplicationBuilder AddAuthMesh(this IHostApplicationBuilder builder)
    {
        builder.AddAuthMeshDefaults();

        var services = builder.Services;
        services.AddNameAddresses();
        services.AddSingleton(provider => new IssuerConnection(
            provider.GetRequiredService<IOptions<AuthMeshOptions>>(), provider.GetRequiredService<NameAddresses>()));
        services.AddSingleton<IssuerClocks>();
        var first = services.Count;
        services.AddSingleton<IssuerKeys>();
        services.AddSingleton<IVerificationKeys>(provider => provider.GetRequiredService<IssuerKeys>());
        services.AddHostedService(provider => provider.GetRequiredService<IssuerKeys>());
        services.AddSingleton<VerifierReport>();
        services.AddHostedService(provider => provider.GetRequiredService<VerifierReport>());
        services.AddHostedService<RevocationFeed>();
        services.AddSingleton(new IssuerServices([.. services.Skip(first)]));
        services.AddStreams();
        services.AddOptions<AuthMeshOptions>().Validate(
            options => options.IdentityOrigins.All(AuthMeshOptions.IsOrigin),
            "AuthMesh:IdentityUrl must be the address at which this service reaches the identity service, without a path, for example "
            + "http://identity-service:8080; several are separated by commas.");
        return builder;
    }

    /// <summary>
    /// Does the same as <see cref="AddAuthMesh"/>, without the sources of keys and revocations. The identity service registers its own key
    /// ring as <see cref="IVerificationKeys"/> and follows its own revocation log.
    /// </summary>
    public static IHostApplicationBuilder AddAuthMeshDefaults(this IHostApplicationBuilder builder)
    {
        var services = builder.Services;
        services.TryAddSingleton(TimeProvider.System);
        services.AddMeshSettings();
        services.AddSingleton<MeshMember>();
        services.AddSingleton<PendingRefusal>();
        services.AddShutdownGrace();
        services.AddErrors();
        services.AddRequestMethods();
        services.AddSingleton<RevokedAccess>();
        services.AddAccessTokens();
        services.AddClosedByDefault();
        services.AddShortPath();
        services.AddHealth();
        builder.AddLogs();
        builder.AddTelemetry();

        services.Configure<KestrelServerOptions>(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestHeadersTotalSize = MaximumHeaders;
            // Longer than at the gateway, which answers 408 to a body that stalls. A service that gave up at the same moment would make
            // another answer of it.
            kestrel.Limits.MinRequestBodyDataRate = new(bytesPerSecond: 240, gracePeriod: TimeSpan.FromSeconds(10));
        });
        builder.AddInnerAddresses();
        // The framework logs an exception with its stack trace for every refused token. The mesh logs outcomes itself.
        builder.Logging.AddFilter("Microsoft.AspNetCore.Authentication", LogLevel.Warning);
        return builder;
    }
}
