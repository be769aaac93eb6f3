using AuthMesh.Access;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Yarp.ReverseProxy.Configuration;

namespace AuthMesh.Gateway;

/// <summary>
/// Routes that keys may open by a scope: the policy <c>scope:orders.read</c> admits signed-in callers, keys that act as their user, and
/// keys with the scope. <c>admin-or-scope:users.read</c> admits admins in place of signed-in callers. <c>application:orders.read</c> admits
/// applications that call in their own name with the scope.
/// </summary>
internal static class ScopedRoutes
{
    // The proxy looks policies up by name, and scopes have any name. So the route gets this policy, and the demand itself as metadata.
    private const string Policy = "route-scope", Metadata = "RouteScope";
    private const string Scope = "scope:", AdminOrScope = "admin-or-scope:", Application = "application:";

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

        if (route.AuthorizationPolicy is not { } policy || Find(policy) is not { } demand)
        {
            return route;
        }

        return ScopeDemand.IsNameable(demand.Scope)
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
        if (route.Metadata?.GetValueOrDefault(Metadata) is { } policy && Find(policy) is var (scope, prefix))
        {
            endpoint.Metadata.Add(ScopeDemand.PolicyFor(
                new ScopeDemand(scope) { IsForAdmins = prefix == AdminOrScope, IsForApplications = prefix == Application }));
        }
    }

    /// <summary>Whether a completed route admits applications.</summary>
    public static bool IsForApplications(RouteConfig route) =>
        route.Metadata?.GetValueOrDefault(Metadata) is { } policy && Find(policy) is (_, Application);

    /// <returns>The scope that opens a completed route; null if none does.</returns>
    public static string? FindScope(RouteConfig route) =>
        route.Metadata?.GetValueOrDefault(Metadata) is { } policy ? Find(policy)?.Scope : null;

    private static (string Scope, string Prefix)? Find(string policy) =>
        Array.Find<string>([Scope, AdminOrScope, Application], known => policy.StartsWith(known, StringComparison.OrdinalIgnoreCase))
            is { } prefix ? (policy[prefix.Length..], prefix) : null;
}
