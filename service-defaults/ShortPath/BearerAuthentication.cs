using System.Security.Claims;
using AuthMesh.Access;
using AuthMesh.Tokens;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace AuthMesh.ShortPath;

/// <summary>
/// Authenticates a request with a cached token that passes every check now, without the handler, ticket and claims of the framework. It
/// leaves everything else to the framework's own service: a refusal, a new token, another scheme, and every other act.
/// </summary>
internal sealed class BearerAuthentication(
    AccessTokenHandler tokens, WantedAudiences audiences, FrameworkParts framework, IOptions<AuthenticationOptions> options)
    : IAuthenticationService
{
    private const string Scheme = JwtBearerDefaults.AuthenticationScheme;

    private readonly bool isDefault = (options.Value.DefaultAuthenticateScheme ?? options.Value.DefaultScheme) == Scheme;

    public Task<AuthenticateResult> AuthenticateAsync(HttpContext context, string? scheme)
    {
        if (scheme != Scheme && !(scheme is null && isDefault))
        {
            return Framework(context).AuthenticateAsync(context, scheme);
        }

        OthersSchemes.TellThatMeshIsAsked(context);

        // Authorization asks again. The first verdict counts for the whole request, whichever way it came about: code between the two may
        // have changed the caller's claims. A token that the framework has just validated is in the cache, and would get a new caller.
        if (context.Features.Get<Verdict>() is { } earlier)
        {
            return earlier.Result ?? Framework(context).AuthenticateAsync(context, scheme);
        }

        if (framework.AreAlone
            && tokens.FindValid(context.Request.Headers.Authorization, audiences.Of(context.GetEndpoint())) is { } token)
        {
            var verdict = new Verdict(new TokenPrincipal(token));
            token.SetFor(context);
            tokens.CountRemembered();
            context.Features.Set(verdict);
            return verdict.Result!;
        }

        context.Features.Set(Verdict.OfFramework);
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
        context.RequestServices.GetRequiredService<FrameworkPart<IAuthenticationService>>().Part;

    /// <summary>The verdict on one request.</summary>
    internal sealed class Verdict
    {
        /// <summary>The framework gives the verdict, and remembers it for the request.</summary>
        public static readonly Verdict OfFramework = new();

        public Verdict(TokenPrincipal caller)
        {
            Caller = caller;
            Result = Task.FromResult(AuthenticateResult.Success(new AuthenticationTicket(
                caller, new AuthenticationProperties(new TokenTimes(caller.Token)), Scheme)));
        }

        private Verdict()
        {
        }

        public TokenPrincipal? Caller { get; }

        public Task<AuthenticateResult>? Result { get; }
    }
}
