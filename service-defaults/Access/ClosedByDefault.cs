using AuthMesh.Errors;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Authorization.Infrastructure;
using Microsoft.AspNetCore.Authorization.Policy;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace AuthMesh.Access;

/// <summary>
/// Requires a signed-in caller for every endpoint that does not say otherwise, and answers 404 for a path without an endpoint.
/// </summary>
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
            // No endpoint is mapped here. A 401 would make callers look for a token in vain. Later middleware still runs for signed-in
            // callers only.
            case null:
                return CommonFailures.FromStatus(StatusCodes.Status404NotFound).ExecuteAsync(context);
            // Routing added this endpoint to refuse the method or content type of the request. It is called directly, so that everything
            // behind the authorization stays closed.
            case
            {
                DisplayName: "405 HTTP Method Not Supported" or "415 HTTP Unsupported Media Type",
                RequestDelegate: { } refuse
            } and not RouteEndpoint:
                return refuse(context);
        }

        if (authorizeResult.Forbidden)
        {
            if (StepUpHandler.FindRefusal(authorizeResult.AuthorizationFailure?.FailedRequirements ?? []) is { } insufficient)
            {
                return insufficient.ExecuteAsync(context);
            }

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
    /// <summary>What <see cref="Policies.Admin"/> requires beside a token.</summary>
    public static readonly RolesAuthorizationRequirement AdminRole = new([Roles.Admin]);

    public static void AddClosedByDefault(this IServiceCollection services)
    {
        // Names the scheme: otherwise the callers of a service's second scheme would count as the mesh's.
        var signedIn = new AuthorizationPolicyBuilder(JwtBearerDefaults.AuthenticationScheme).RequireAuthenticatedUser().Build();
        services.AddAuthorizationBuilder()
            .SetDefaultPolicy(signedIn)
            .SetFallbackPolicy(signedIn)
            .AddPolicy(Policies.SignedIn, signedIn)
            .AddPolicy(Policies.Admin, policy => policy.Combine(signedIn).AddRequirements(AdminRole));
        services.AddSingleton<IAuthorizationMiddlewareResultHandler, ClosedByDefault>();
        services.AddSingleton<StepUpJudge>();
        services.AddSingleton<IAuthorizationHandler, StepUpHandler>();
    }
}
