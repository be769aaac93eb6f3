using AuthMesh.Access;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Yarp.ReverseProxy.Configuration;

namespace AuthMesh.Gateway;

/// <summary>
/// Routes that keys may open by a scope: the policy <c>scope:orders.read</c> admits signed-in callers, keys that act as their user, and
/// keys with the scope. <c>admin-or-scope:users.read</c> admits admins in place of signed-in callers.
/// </summary>
internal static class ScopedRoutes
{
    // The proxy looks policies up by name, and scopes have any name. So the route gets this policy, and the demand itself as metadata.
    private const string Policy = "route-scope", Metadata = "RouteScope";
    private const string Scope = "scope:", AdminOrScope = "admin-or-scope:";

    public static void AddScopedRoutes(this IServiceCollection services) => services.AddAuthorizationBuilder().AddPolicy(
        Policy, policy => policy.AddAuthenticationSchemes(JwtBearerDefaults.AuthenticationScheme).RequireAuthenticatedUser());

    /// <summary>Puts the demand of a scoped route into its metadata.</summary>
    /// <exception cref="InvalidOperationException">The scope cannot be one, or the route uses our names itself.</exception>
    public static RouteConfig Complete(RouteConfig route, string key)
    {
        if (route.Metadata?.Keys.Contains(Metadata, StringComparer.OrdinalIgnoreCase) is true
            || Policy.Equals(route.AuthorizationPolicy, StringComparison.OrdinalIgnoreCase))
        {
            throw new InvalidOperationException(
                $"{key} uses the name {Policy} or {Metadata}. Write {Scope}NAME as its AuthorizationPolicy.");
        }

        if (route.AuthorizationPolicy is not { } policy || Find(policy) is not var (scope, _))
        {
            return route;
        }

        return ScopeDemand.IsNameable(scope)
            ? route with
            {
                AuthorizationPolicy = Policy,
                // The proxy compares these names without case, too.
                Metadata = new Dictionary<string, string>(
                    route.Metadata ?? new Dictionary<string, string>(), StringComparer.OrdinalIgnoreCase)
                { [Metadata] = policy },
            }
            : throw new InvalidOperationException($"{key}:AuthorizationPolicy is {policy}. A scope {ScopeDemand.Rule}.");
    }

    /// <summary>Adds the demand to the endpoint of a scoped route.</summary>
    public static void AddDemand(EndpointBuilder endpoint, RouteConfig route)
    {
        if (route.Metadata?.GetValueOrDefault(Metadata) is { } policy && Find(policy) is var (scope, isForAdmins))
        {
            endpoint.Metadata.Add(ScopeDemand.PolicyFor(new ScopeDemand(scope) { IsForAdmins = isForAdmins }));
        }
    }

    private static (string Scope, bool IsForAdmins)? Find(string policy) =>
        policy.StartsWith(Scope, StringComparison.OrdinalIgnoreCase) ? (policy[Scope.Length..], false)
        : policy.StartsWith(AdminOrScope, StringComparison.OrdinalIgnoreCase) ? (policy[AdminOrScope.Length..], true)
        : null;
}
