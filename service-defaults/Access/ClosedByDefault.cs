using AuthMesh.Errors;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Authorization.Infrastructure;
using Microsoft.AspNetCore.Authorization.Policy;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace AuthMesh.Access;

/// <summary>Every endpoint requires a signed-in caller unless it says otherwise; a path without an endpoint is simply not there.</summary>
internal sealed class ClosedByDefault : IAuthorizationMiddlewareResultHandler
{
    private readonly AuthorizationMiddlewareResultHandler defaultHandler = new();

    public Task HandleAsync(
        RequestDelegate next, HttpContext context, AuthorizationPolicy policy, PolicyAuthorizationResult authorizeResult)
    {
        if (authorizeResult.Succeeded)
        {
            return next(context);
        }

        switch (context.GetEndpoint())
        {
            // Nothing is mapped here. Asking for a token first would send callers to look for one in vain; middleware that
            // stands behind still runs for signed-in callers only.
            case null:
                return CommonFailures.FromStatus(StatusCodes.Status404NotFound).ExecuteAsync(context);
            // Routing itself put this endpoint there, to answer that the path takes no such method or content. It is asked directly:
            // what stands behind the authorization stays closed.
            case
            {
                DisplayName: "405 HTTP Method Not Supported" or "415 HTTP Unsupported Media Type",
                RequestDelegate: { } refuse
            } and not RouteEndpoint:
                return refuse(context);
        }

        if (authorizeResult.Forbidden)
        {
            var roles = policy.Requirements.OfType<RolesAuthorizationRequirement>()
                .SelectMany(requirement => requirement.AllowedRoles).ToList();
            var refusal = roles.Contains(Roles.Admin) ? CommonFailures.InsufficientScope("Admin access required")
                : roles.Count > 0 ? CommonFailures.InsufficientScope("Access denied")
                : CommonFailures.Forbidden("Access denied");
            return refusal.ExecuteAsync(context);
        }

        return defaultHandler.HandleAsync(next, context, policy, authorizeResult);
    }
}

internal static class ClosedByDefaultServices
{
    public static void AddClosedByDefault(this IServiceCollection services)
    {
        // The scheme is named, so that a service with a second scheme does not let its callers pass for the mesh's.
        var signedIn = new AuthorizationPolicyBuilder(JwtBearerDefaults.AuthenticationScheme).RequireAuthenticatedUser().Build();
        services.AddAuthorizationBuilder()
            .SetDefaultPolicy(signedIn)
            .SetFallbackPolicy(signedIn)
            .AddPolicy(Policies.SignedIn, signedIn)
            .AddPolicy(Policies.Admin, policy => policy.Combine(signedIn).RequireRole(Roles.Admin));
        services.AddSingleton<IAuthorizationMiddlewareResultHandler, ClosedByDefault>();
    }
}
