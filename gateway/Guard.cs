using System.Runtime.CompilerServices;
using AuthMesh.Gateway.RateLimiting;
using AuthMesh.ShortPath;
using AuthMesh.Tokens;
using Microsoft.AspNetCore.Authorization;
using Yarp.ReverseProxy.Model;

namespace AuthMesh.Gateway;

/// <summary>
/// Authenticates and authorizes each request. A request with a cached token that passes every check, and that meets the policy of its
/// route, goes on at once, without principal, ticket and claims. Every other request takes the framework's two steps: a new token, a
/// refusal, a policy that is not the mesh's, an endpoint that is not a route.
/// </summary>
internal sealed class Guard(
    AccessTokenHandler tokens, WantedAudiences audiences, TokenPolicies policies, IAuthorizationPolicyProvider provider)
{
    private readonly ConditionalWeakTable<Endpoint, Admission> admissions = [];

    /// <summary>Whether the request may go on without the framework's steps. False says nothing about the caller.</summary>
    public bool Admits(HttpContext context)
    {
        if (context.GetEndpoint() is not { } endpoint)
        {
            return false;
        }

        var admission = admissions.TryGetValue(endpoint, out var known) ? known : admissions.GetValue(endpoint, Read);
        var authorization = context.Request.Headers.Authorization;
        if (admission.IsAnonymous)
        {
            return authorization.Count == 0; // with a token, the framework notes its user
        }

        if (admission.Policy is not { } policy || tokens.FindValid(authorization, admission.Audience) is not { } token
            || !policy.Admits(token))
        {
            return false;
        }

        token.SetFor(context);
        tokens.CountRemembered();
        return true;
    }

    /// <summary>Whether the request has a cached token that is valid now for its route. The policy of the route does not count.</summary>
    public bool Knows(HttpContext context) =>
        tokens.FindValid(context.Request.Headers.Authorization, audiences.Of(context.GetEndpoint())) is not null;

    private Admission Read(Endpoint endpoint)
    {
        var metadata = endpoint.Metadata;
        var audience = audiences.Of(endpoint);
        if (metadata.GetMetadata<RouteModel>() is null || metadata.GetMetadata<IAuthorizationRequirementData>() is not null)
        {
            return new(IsAnonymous: false, null, audience);
        }

        if (metadata.GetMetadata<IAllowAnonymous>() is not null)
        {
            return new(IsAnonymous: true, null, audience);
        }

        // The policy that the framework would judge: that of the route, together with its demands.
        var combined = AuthorizationPolicy.CombineAsync(
            provider, metadata.GetOrderedMetadata<IAuthorizeData>(), metadata.GetOrderedMetadata<AuthorizationPolicy>());
        return new(
            IsAnonymous: false, combined is { IsCompletedSuccessfully: true, Result: { } policy } ? policies.Find(policy) : null, audience);
    }

    /// <summary>What a route demands. With neither, only the framework can judge its callers.</summary>
    private sealed record Admission(bool IsAnonymous, TokenPolicy? Policy, string Audience);
}

internal static class GuardServices
{
    // The framework adds its two steps in front of all others, unless these properties say that the program has added them.
    private static readonly string[] Added = ["__AuthenticationMiddlewareSet", "__AuthorizationMiddlewareSet"];

    public static void AddGuard(this IServiceCollection services)
    {
        services.AddSingleton<Guard>();
        // The endpoints refuse to run if the framework's steps did not. The guard takes their place; a test tries every route.
        services.Configure<RouteOptions>(routes => routes.SuppressCheckForUnhandledSecurityMetadata = true);
    }

    public static void UseGuard(this IApplicationBuilder app)
    {
        foreach (var property in Added)
        {
            app.Properties[property] = true;
        }

        app.Use(next =>
        {
            var guard = app.ApplicationServices.GetRequiredService<Guard>(); // not earlier: bad settings are refused before this runs
            var rates = app.ApplicationServices.GetRequiredService<RateLimits>();
            var counted = rates.BySession(next);
            var framework = app.New();
            framework.Use(authenticate => rates.BeforeNewToken(authenticate, guard.Knows));
            framework.UseAuthentication();
            framework.Use(rates.BySession); // before authorization, so that a caller who is refused counts too
            framework.UseAuthorization();
            framework.Run(next);
            var throughFramework = framework.Build();
            return context => guard.Admits(context) ? counted(context) : throughFramework(context);
        });
    }
}
