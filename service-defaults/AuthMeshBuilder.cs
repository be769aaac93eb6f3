using AuthMesh.Access;
using AuthMesh.Errors;
using AuthMesh.Health;
using AuthMesh.Issuer;
using AuthMesh.Keys;
using AuthMesh.Logs;
using AuthMesh.Requests;
using AuthMesh.Revocations;
using AuthMesh.Settings;
using AuthMesh.Tokens;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace AuthMesh;

/// <summary>Puts an ASP.NET Core service behind AuthMesh.</summary>
public static class AuthMeshBuilder
{
    /// <summary>
    /// The one line. Every endpoint then requires a valid access token of the mesh's issuer unless it says
    /// <c>AllowAnonymous()</c>; <see cref="Policies.Admin"/> names the policy for admins. Errors have the mesh's one shape,
    /// <c>/health/live</c> and <c>/health/ready</c> answer, and OpenTelemetry is on when <c>OTEL_EXPORTER_OTLP_ENDPOINT</c> is set.
    /// </summary>
    /// <remarks>
    /// Needs three settings, <c>AuthMesh:Issuer</c>, <c>AuthMesh:IdentityUrl</c> and <c>AuthMesh:ServiceKey</c> (see
    /// <see cref="AuthMeshOptions"/>). The service is not ready before it holds the issuer's keys and knows every ended session, and
    /// answers 503 to requests with a token until then. After that it validates tokens by itself and needs nobody.
    /// </remarks>
    public static IHostApplicationBuilder AddAuthMesh(this IHostApplicationBuilder builder)
    {
        builder.AddAuthMeshDefaults();

        var services = builder.Services;
        services.AddSingleton<IssuerConnection>();
        services.AddSingleton<IssuerClocks>();
        services.AddSingleton<IssuerKeys>();
        services.AddSingleton<IVerificationKeys>(provider => provider.GetRequiredService<IssuerKeys>());
        services.AddHostedService(provider => provider.GetRequiredService<IssuerKeys>());
        services.AddSingleton<VerifierReport>();
        services.AddHostedService(provider => provider.GetRequiredService<VerifierReport>());
        services.AddHostedService<RevocationFeed>();
        services.AddOptions<AuthMeshOptions>().Validate(
            options => options.IdentityOrigins.All(AuthMeshOptions.IsOrigin),
            "AuthMesh:IdentityUrl must be the address at which this service reaches the identity service, without a path, for example "
            + "http://identity-service:8080; several are separated by commas.");
        return builder;
    }

    /// <summary>
    /// All of <see cref="AddAuthMesh"/> but the sources of keys and revocations: the identity service brings its own key ring as
    /// <see cref="IVerificationKeys"/>, and follows its own log of revocations.
    /// </summary>
    public static IHostApplicationBuilder AddAuthMeshDefaults(this IHostApplicationBuilder builder)
    {
        var services = builder.Services;
        services.TryAddSingleton(TimeProvider.System);
        services.AddSettings<AuthMeshOptions, AuthMeshOptionsValidator>(AuthMeshOptions.Section)
            .BindConfiguration(AuthMeshOptions.Section, binder => binder.ErrorOnUnknownConfiguration = true);
        services.AddSingleton<PendingRefusal>();
        services.AddErrors();
        services.AddRequestMethods();
        services.AddSingleton<RevokedAccess>();
        services.AddAccessTokens();
        services.AddClosedByDefault();
        services.AddHealth();
        builder.AddLogs();
        builder.AddTelemetry();

        services.Configure<KestrelServerOptions>(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestHeadersTotalSize = 40 * 1024; // what the gateway lets in, and what it adds
        });
        // Longer than any request is allowed to take, so that a shutdown cuts nobody off.
        services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(20));
        // An exception with its stack for every refused token: the mesh logs outcomes itself.
        builder.Logging.AddFilter("Microsoft.AspNetCore.Authentication", LogLevel.Warning);
        return builder;
    }
}
