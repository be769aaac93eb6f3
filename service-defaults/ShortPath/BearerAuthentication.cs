using System.Security.Claims;
using AuthMesh.Tokens;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace AuthMesh.ShortPath;

/// <summary>
/// Authenticates a request with a cached token that passes every check now, without the handler, ticket and claims of the framework. It
/// leaves everything else to the framework's own service: a refusal, a new token, another scheme, and every other act.
/// </summary>
internal sealed class BearerAuthentication(AccessTokenHandler tokens, FrameworkParts framework) : IAuthenticationService
{
    public Task<AuthenticateResult> AuthenticateAsync(HttpContext context, string? scheme)
    {
        if (scheme == JwtBearerDefaults.AuthenticationScheme && framework.AreAlone)
        {
            // Authorization asks again. The first verdict counts for the whole request, as with the framework's handlers, even if
            // middleware changes the header in between.
            if (context.Features.Get<Verdict>() is { } earlier)
            {
                return earlier.Result;
            }

            if (context.Features.Get<LeftToFramework>() is null)
            {
                if (tokens.FindValid(context.Request.Headers.Authorization) is { } token)
                {
                    var verdict = new Verdict(new TokenPrincipal(token));
                    token.SetFor(context);
                    context.Features.Set(verdict);
                    return verdict.Result;
                }

                context.Features.Set(LeftToFramework.Mark);
            }
        }

        return Framework(context).AuthenticateAsync(context, scheme);
    }

    public Task ChallengeAsync(HttpContext context, string? scheme, AuthenticationProperties? properties) =>
        Framework(context).ChallengeAsync(context, scheme, properties);

    public Task ForbidAsync(HttpContext context, string? scheme, AuthenticationProperties? properties) =>
        Framework(context).ForbidAsync(context, scheme, properties);

    public Task SignInAsync(HttpContext context, string? scheme, ClaimsPrincipal principal, AuthenticationProperties? properties) =>
        Framework(context).SignInAsync(context, scheme, principal, properties);

    public Task SignOutAsync(HttpContext context, string? scheme, AuthenticationProperties? properties) =>
        Framework(context).SignOutAsync(context, scheme, properties);

    private static IAuthenticationService Framework(HttpContext context) =>
        context.RequestServices.GetRequiredKeyedService<IAuthenticationService>(FrameworkParts.Key);

    /// <summary>Marks a request whose first verdict was the framework's. Its handler keeps that verdict.</summary>
    private sealed class LeftToFramework
    {
        public static readonly LeftToFramework Mark = new();
    }

    /// <summary>The result for one request.</summary>
    internal sealed class Verdict(TokenPrincipal caller)
    {
        public TokenPrincipal Caller => caller;

        public Task<AuthenticateResult> Result { get; } = Task.FromResult(
            AuthenticateResult.Success(new AuthenticationTicket(
            caller, new AuthenticationProperties(new TokenTimes(caller.Token)), JwtBearerDefaults.AuthenticationScheme)));
    }
}
