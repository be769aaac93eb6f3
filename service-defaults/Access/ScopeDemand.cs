using System.Runtime.CompilerServices;
using System.Security.Claims;
using AuthMesh.Tokens;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.SignalR;

namespace AuthMesh.Access;

/// <summary>Opens endpoints to keys whose scopes do not include <see cref="Scopes.Mesh"/>.</summary>
public static class ScopedEndpoints
{
    extension<TBuilder>(TBuilder endpoint)
        where TBuilder : IEndpointConventionBuilder
    {
        /// <summary>
        /// Admits signed-in users, keys with the scope <see cref="Scopes.Mesh"/>, and keys with this scope. The answer to other keys is
        /// 403 <c>insufficient_scope</c>. Several scopes on one endpoint are all demanded.
        /// </summary>
        /// <remarks>
        /// An endpoint that also requires <see cref="Policies.SignedIn"/> by name stays closed to keys without <c>mesh</c>.
        /// </remarks>
        /// <param name="scope">Such as <c>orders.read</c>.</param>
        /// <exception cref="ArgumentException">The text is not a scope, or it is <see cref="Scopes.Mesh"/>.</exception>
        public TBuilder RequireScope(string scope)
        {
            var policy = ScopeDemand.PolicyFor(new ScopeDemand(scope));
            endpoint.Add(built => built.Metadata.Add(policy));
            return endpoint;
        }

        /// <summary>
        /// Admits applications that call in their own name with this scope (RFC 6749 §4.4), and no users. Other endpoints refuse
        /// applications, except endpoints that admit everybody. <c>user.UserId</c> throws for an application, and
        /// <c>user.ApplicationId</c> names it.
        /// </summary>
        /// <param name="scope">Such as <c>orders.read</c>.</param>
        /// <exception cref="ArgumentException">The text is not a scope, or it is <see cref="Scopes.Mesh"/>.</exception>
        public TBuilder RequireApplication(string scope)
        {
            var policy = ScopeDemand.PolicyFor(new ScopeDemand(scope) { IsForApplications = true });
            endpoint.Add(built => built.Metadata.Add(policy));
            return endpoint;
        }
    }
}

/// <summary>What an endpoint demands of the scopes of a token. The token of a sign-in has none, and nothing limits it.</summary>
internal sealed class ScopeDemand : AuthorizationHandler<ScopeDemand>, IAuthorizationRequirement
{
    /// <summary>Sign-ins, and keys with <see cref="Scopes.Mesh"/>.</summary>
    public static readonly ScopeDemand ActsAsUser = new();

    /// <summary>Sign-ins only. No scope lets a key change how its owner signs in.</summary>
    public static readonly ScopeDemand SignIn = new() { IsMeshEnough = false };

    /// <summary>Sign-ins, keys with <see cref="Scopes.Mesh"/>, and keys with this scope.</summary>
    /// <exception cref="ArgumentException">The text is not a scope, or it is <see cref="Scopes.Mesh"/>.</exception>
    public ScopeDemand(string scope)
    {
        if (!IsNameable(scope))
        {
            throw new ArgumentException($"{scope} is no scope of an endpoint: it {Rule}.", nameof(scope));
        }

        Scope = scope;
    }

    private ScopeDemand()
    {
    }

    /// <summary>The form of a scope that an endpoint can name, as the end of a sentence.</summary>
    public static string Rule => $"{Scopes.Rule}, and differ from {Scopes.Mesh}";

    /// <summary>The scope that opens the endpoint to keys; null if none does.</summary>
    public string? Scope { get; }

    /// <summary>Whether <see cref="Scopes.Mesh"/> replaces the scope.</summary>
    public bool IsMeshEnough { get; init; } = true;

    /// <summary>Whether callers without the scope must be admins.</summary>
    public bool IsForAdmins { get; init; }

    /// <summary>Whether callers must be applications that call in their own name. Otherwise they must be users.</summary>
    public bool IsForApplications { get; init; }

    /// <summary>Whether an endpoint can name this scope.</summary>
    public static bool IsNameable(string scope) => Scopes.IsScope(scope) && scope != Scopes.Mesh;

    /// <summary>A caller who meets the demand. Authorization combines it with the endpoint's other policies.</summary>
    public static AuthorizationPolicy PolicyFor(ScopeDemand demand) =>
        new AuthorizationPolicyBuilder(JwtBearerDefaults.AuthenticationScheme).RequireAuthenticatedUser().AddRequirements(demand).Build();

    /// <summary>Whether the requirements name a scope. A limited token passes no policy that names none.</summary>
    public static bool IsNamedBy(IEnumerable<IAuthorizationRequirement> requirements) =>
        requirements.Any(requirement => requirement is ScopeDemand { Scope: not null });

    /// <returns>The scope that would open the endpoint to the token; null if none would.</returns>
    /// <param name="policy">The endpoint's policy.</param>
    /// <param name="failed">What the token does not meet.</param>
    /// <param name="scopes">The token's scopes.</param>
    public static string? FindMissing(AuthorizationPolicy policy, IEnumerable<IAuthorizationRequirement> failed, string[] scopes) =>
        failed.Any(requirement => requirement is not ScopeDemand { Scope: not null })
            ? null
            : policy.Requirements.OfType<ScopeDemand>().Select(demand => demand.Scope)
                .FirstOrDefault(scope => scope is not null && Array.IndexOf(scopes, scope) < 0);

    /// <param name="scopes">The token's; null for a sign-in.</param>
    /// <param name="role">The token's; null if it has none.</param>
    /// <param name="isOfApplication">Whether the token is an application's own.</param>
    public bool Admits(string[]? scopes, string? role, bool isOfApplication) =>
        isOfApplication == IsForApplications
        && ((!isOfApplication && IsUnlimited(scopes) && (!IsForAdmins || role == Roles.Admin))
            || (Scope is not null && scopes is not null && Array.IndexOf(scopes, Scope) >= 0));

    protected override Task HandleRequirementAsync(AuthorizationHandlerContext context, ScopeDemand requirement)
    {
        // The policy names the mesh's scheme, so the verified token is the caller's, whatever the service made of the claims.
        if (context.Resource is HttpContext http && VerifiedToken.Of(http) is { } token)
        {
            if (requirement.Admits(token.Scopes, token.Role, token.IsOfApplication))
            {
                context.Succeed(requirement);
            }

            return Task.CompletedTask;
        }

        // Code asks by itself, or for a method of a hub. Only the mesh's identity counts: a service may have a second scheme, whose claims
        // have the same names.
        if (FindOfMesh(context.User) is { } caller && requirement.Admits(caller))
        {
            context.Succeed(requirement);
        }

        return Task.CompletedTask;
    }

    /// <returns>The identity that a token of the mesh gave the caller, or null.</returns>
    public static ClaimsIdentity? FindOfMesh(ClaimsPrincipal user) =>
        user.Identities.FirstOrDefault(identity => identity.AuthenticationType == JwtBearerDefaults.AuthenticationScheme);

    /// <summary>The same by the claims, for code that has no request.</summary>
    /// <param name="caller">The caller's identity of the mesh.</param>
    public bool Admits(ClaimsIdentity caller) =>
        TryFindScopes(caller, out var scopes)
        && Admits(
            scopes, caller.FindFirst(AccessTokenClaims.Role)?.Value,
            isOfApplication: !caller.HasClaim(claim => claim.Type == AccessTokenClaims.PreferredUsername));

    private static bool TryFindScopes(ClaimsIdentity caller, out string[]? scopes)
    {
        var claim = caller.FindFirst(AccessTokenClaims.Scope)?.Value;
        scopes = claim is null ? null : Scopes.TryRead(claim);
        return claim is null || scopes is not null;
    }

    private bool IsUnlimited(string[]? scopes) => scopes is null || (IsMeshEnough && Array.IndexOf(scopes, Scopes.Mesh) >= 0);
}

/// <summary>
/// Fails every policy that names no scope, when it judges a limited token for an endpoint. Such a policy is meant for users.
/// </summary>
internal sealed class LimitedTokens : IAuthorizationHandler
{
    public Task HandleAsync(AuthorizationHandlerContext context)
    {
        // Code that asks for a policy inside an endpoint judges a caller whom the endpoint has admitted.
        var isLimited = context.Resource is HttpContext http ? IsLimited(http) : context.Resource is not null && IsLimitedCall(context);
        if (isLimited && !ScopeDemand.IsNamedBy(context.Requirements))
        {
            context.Fail();
        }

        return Task.CompletedTask;
    }

    // A hub for everybody has admitted nobody, so its methods are like endpoints. Long polling keeps no token, only its claims. In a
    // method of its own: services without hubs do not load SignalR.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool IsLimitedCall(AuthorizationHandlerContext context) =>
        context.Resource is HubInvocationContext call
        && call.Context.GetHttpContext()?.GetEndpoint()?.Metadata.GetMetadata<IAllowAnonymous>() is not null
        && ScopeDemand.FindOfMesh(context.User) is { } caller && !ScopeDemand.ActsAsUser.Admits(caller);

    /// <summary>
    /// Whether the policy judges a limited token of the mesh. The request may have one and be judged by another scheme of the service. The
    /// identities of the caller do not tell, because a service may transform them.
    /// </summary>
    private static bool IsLimited(HttpContext context) =>
        VerifiedToken.Of(context) is { IsLimited: true }
        && context.Features.Get<IAuthenticateResultFeature>()?.AuthenticateResult?.Ticket?.AuthenticationScheme is var schemes
        && (schemes is null || schemes.Split(';').Contains(JwtBearerDefaults.AuthenticationScheme) // the framework joins them so
            || OthersSchemes.HaveAskedMesh(context));
}
