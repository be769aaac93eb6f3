using System.Runtime.CompilerServices;
using AuthMesh.Access;
using AuthMesh.Tokens;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Authorization.Policy;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace AuthMesh.ShortPath;

/// <summary>
/// Judges the mesh's own policies on the token of the request. It leaves to the framework's evaluator every other policy, every refusal,
/// and every caller whose claims some code has asked for and may have changed.
/// </summary>
internal sealed class TokenPolicies(StepUpJudge stepUp, FrameworkParts framework) : IPolicyEvaluator
{
    private static readonly Task<PolicyAuthorizationResult> Admitted = Task.FromResult(PolicyAuthorizationResult.Success());

    private readonly ConditionalWeakTable<AuthorizationPolicy, Reading> readings = [];

    public Task<AuthenticateResult> AuthenticateAsync(AuthorizationPolicy policy, HttpContext context) =>
        context.Features.Get<BearerAuthentication.Verdict>() is { Caller: { } caller, Result: { } result }
        && ReferenceEquals(context.User, caller) && Find(policy) is not null
            ? result
            : OthersSchemes.Follow(policy, context, Framework(context));

    public Task<PolicyAuthorizationResult> AuthorizeAsync(
        AuthorizationPolicy policy, AuthenticateResult authenticationResult, HttpContext context, object? resource) =>
        authenticationResult is { Succeeded: true, Principal: TokenPrincipal { IsUntouched: true } caller }
        && ReferenceEquals(context.User, caller) && Find(policy)?.Admits(caller.Token) is true
            ? Admitted
            : Framework(context).AuthorizeAsync(policy, authenticationResult, context, resource);

    /// <summary>Returns null for a policy that only the framework can judge.</summary>
    public TokenPolicy? Find(AuthorizationPolicy policy) =>
        !framework.AreAlone ? null
        : readings.TryGetValue(policy, out var known) ? known.Policy
        : readings.GetValue(policy, read => new Reading(TokenPolicy.TryRead(read, stepUp))).Policy;

    private static IPolicyEvaluator Framework(HttpContext context) =>
        context.RequestServices.GetRequiredService<FrameworkPart<IPolicyEvaluator>>().Part;

    private sealed record Reading(TokenPolicy? Policy);
}

internal static class ShortPathServices
{
    /// <summary>Call it after authentication and authorization are added.</summary>
    public static void AddShortPath(this IServiceCollection services)
    {
        services.AddSingleton(provider => new FrameworkParts(services, provider));
        FrameworkParts.Replace<IAuthenticationService, BearerAuthentication>(services);
        FrameworkParts.Replace<IAuthenticationHandlerProvider, HandlersOnDemand>(services);
        FrameworkParts.Replace<IPolicyEvaluator, TokenPolicies>(services);
    }
}
