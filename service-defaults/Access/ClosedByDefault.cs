using AuthMesh.Errors;
using AuthMesh.Tokens;
using Microsoft.AspNetCore.Authentication;
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
            // LimitedTokens has failed such a policy already, unless the service has told the framework to pass it the endpoint alone.
            return VerifiedToken.Of(context) is { IsLimited: true } && OthersSchemes.IncludeMesh(context, policy)
                && !ScopeDemand.IsNamedBy(policy.Requirements)
                ? CommonFailures.MissingScope(scope: null).ExecuteAsync(context)
                : next(context);
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
            var failed = authorizeResult.AuthorizationFailure?.FailedRequirements ?? [];
            if (FindScopeRefusal(context, policy, failed) is { } limited)
            {
                return limited.ExecuteAsync(context);
            }

            if (StepUpHandler.FindRefusal(failed) is { } insufficient)
            {
                return insufficient.ExecuteAsync(context);
            }

            var roles = policy.Requirements.OfType<RolesAuthorizationRequirement>()
                .SelectMany(requirement => requirement.AllowedRoles).ToList();
            var isForAdmins = roles.Contains(Roles.Admin)
                || policy.Requirements.Any(requirement => requirement is ScopeDemand { IsForAdmins: true });
            var refusal = isForAdmins ? CommonFailures.InsufficientRole("Admin access required")
                : roles.Count > 0 ? CommonFailures.InsufficientRole("Access denied")
                : CommonFailures.Forbidden("Access denied");
            return refusal.ExecuteAsync(context);
        }

        return policy.AuthenticationSchemes is { Count: > 1 } schemes && schemes.Contains(JwtBearerDefaults.AuthenticationScheme)
            ? ChallengeMeshLastAsync(context, schemes)
            : defaultHandler.HandleAsync(next, context, policy, authorizeResult);
    }

    // The mesh's challenge writes the answer, and other schemes could then set neither status nor header.
    private static async Task ChallengeMeshLastAsync(HttpContext context, IEnumerable<string> schemes)
    {
        foreach (var other in schemes.Where(scheme => scheme != JwtBearerDefaults.AuthenticationScheme))
        {
            await context.ChallengeAsync(other);
        }

        if (!context.Response.HasStarted)
        {
            await context.ChallengeAsync(JwtBearerDefaults.AuthenticationScheme);
        }
    }

    /// <returns>The answer to a key whose scopes are the cause, or null.</returns>
    private static Failure? FindScopeRefusal(
        HttpContext context, AuthorizationPolicy policy, IEnumerable<IAuthorizationRequirement> failed)
    {
        if (VerifiedToken.Of(context) is not { } key || !OthersSchemes.IncludeMesh(context, policy))
        {
            return null;
        }

        var isForApplications = policy.Requirements.Any(requirement => requirement is ScopeDemand { IsForApplications: true });
        if (key.IsOfApplication != isForApplications)
        {
            return isForApplications
                ? CommonFailures.Forbidden("Only applications may do this")
                : CommonFailures.Forbidden("Only users may do this");
        }

        if (key.Scopes is not { } scopes)
        {
            return null;
        }

        // A key proves nothing again, so a step-up is no answer to it.
        var isCause = key.IsLimited || failed.Any(requirement => requirement is RecentSignIn or TwoFactors
            or ScopeDemand { IsForAdmins: false } or ScopeDemand { IsMeshEnough: false });
        return isCause ? CommonFailures.MissingScope(ScopeDemand.FindMissing(policy, failed, scopes)) : null;
    }
}

internal static class ClosedByDefaultServices
{
    /// <summary>What <see cref="Policies.Admin"/> requires beside a token.</summary>
    public static readonly RolesAuthorizationRequirement AdminRole = new([Roles.Admin]);

    public static void AddClosedByDefault(this IServiceCollection services)
    {
        // Names the scheme: otherwise the callers of a service's second scheme would count as the mesh's.
        var signedIn = ScopeDemand.PolicyFor(ScopeDemand.ActsAsUser);
        services.AddAuthorizationBuilder()
            .SetDefaultPolicy(signedIn)
            .SetFallbackPolicy(signedIn)
            .AddPolicy(Policies.SignedIn, signedIn)
            .AddPolicy(Policies.Admin, policy => policy.Combine(signedIn).AddRequirements(AdminRole));
        services.AddSingleton<IAuthorizationMiddlewareResultHandler, ClosedByDefault>();
        services.AddSingleton<StepUpJudge>();
        services.AddSingleton<IAuthorizationHandler, StepUpHandler>();
        services.AddSingleton<IAuthorizationHandler, LimitedTokens>();
    }
}
