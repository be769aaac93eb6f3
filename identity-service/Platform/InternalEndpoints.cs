using System.Security.Claims;
using System.Text.Encodings.Web;
using AuthMesh.Errors;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;

namespace AuthMesh.Identity.Platform;

/// <summary>The paths below <c>/internal</c>: the gateway does not route them, and a caller must present the service key.</summary>
internal static class InternalEndpoints
{
    private const string Policy = "service";

    public static IServiceCollection AddInternal(this IServiceCollection services)
    {
        services.AddSingleton<ServiceKey>();
        // A second AddAuthentication() would bring back data protection, which the defaults removed.
        new AuthenticationBuilder(services).AddScheme<AuthenticationSchemeOptions,
            ServiceAuthentication>(ServiceAuthentication.SchemeName, null);
        services.AddAuthorizationBuilder().AddPolicy(
            Policy, policy => policy.AddAuthenticationSchemes(ServiceAuthentication.SchemeName).RequireAuthenticatedUser());
        return services;
    }

    /// <summary>A group for endpoints that only services of the mesh may call.</summary>
    public static RouteGroupBuilder MapInternal(this IEndpointRouteBuilder app) =>
        app.MapNoStore().MapGroup("/internal").RequireAuthorization(Policy);
}

/// <summary>
/// Authenticates a caller that presents the <see cref="ServiceKey"/>. Only the endpoints below <c>/internal</c> use it.
/// </summary>
internal sealed class ServiceAuthentication(
    ServiceKey serviceKey, IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory loggers, UrlEncoder encoder)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, loggers, encoder)
{
    public const string SchemeName = "ServiceKey";

    private static readonly Failure InvalidKey = new(
        StatusCodes.Status401Unauthorized, "invalid_service_key", "This path is for the services of the mesh");

    protected override Task<AuthenticateResult> HandleAuthenticateAsync() => Task.FromResult(serviceKey.IsOn(Request)
        ? AuthenticateResult.Success(new AuthenticationTicket(new ClaimsPrincipal(new ClaimsIdentity(SchemeName)), SchemeName))
        : AuthenticateResult.NoResult());

    protected override Task HandleChallengeAsync(AuthenticationProperties properties) => InvalidKey.ExecuteAsync(Context);
}
