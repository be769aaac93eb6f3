using System.Security.Claims;
using System.Text.Encodings.Web;
using AuthMesh.Access;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Authorization.Policy;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace AuthMesh.Tests.ShortPath;

/// <summary>Middleware between authentication and authorization.</summary>
internal delegate Task RequestDelegateStep(HttpContext context, Func<Task> next);

/// <summary>Parts of a team's own in authentication and authorization.</summary>
internal static class Additions
{
    public static (Action<WebApplicationBuilder>? Before, Action<WebApplicationBuilder>? After, RequestDelegateStep? Between) Of(
        string name) => name switch
        {
            "nothing" => default,
            "transformation adds admin" => After(services => services.AddSingleton<IClaimsTransformation>(new Transformation(AddAdmin))),
            "transformation removes roles" => After(
                services => services.AddSingleton<IClaimsTransformation>(new Transformation(RemoveRole))),
            "transformation clones" => After(
                services => services.AddTransient<IClaimsTransformation>(_ => new Transformation(u => u.Clone()))),
            "transformation before the mesh" => Before(
                services => services.AddSingleton<IClaimsTransformation>(new Transformation(AddAdmin))),
            "handler fails everybody" => After(services => services.AddSingleton<IAuthorizationHandler, FailEverybody>()),
            "handler before the mesh fails everybody" => Before(services => services.AddSingleton<IAuthorizationHandler, FailEverybody>()),
            "handler that decides nothing" => After(services => services.AddSingleton<IAuthorizationHandler, DecideNothing>()),
            "policy provider opens admin" => After(services => services.AddSingleton<IAuthorizationPolicyProvider, OpenAdmin>()),
            "evaluator forbids" => After(services => services.AddTransient<IPolicyEvaluator, Forbid>()),
            "evaluator before the mesh forbids" => Before(services => services.AddTransient<IPolicyEvaluator, Forbid>()),
            "authorization service forbids" => After(services => services.AddTransient<IAuthorizationService, ForbidAll>()),
            "authorization evaluator forbids" => After(services => services.AddTransient<IAuthorizationEvaluator, FailAll>()),
            "context factory makes admins" => After(
                services => services.AddTransient<IAuthorizationHandlerContextFactory, AdminContexts>()),
            "no handlers" => After(services => services.AddTransient<IAuthorizationHandlerProvider, NoHandlers>()),
            "authentication service refuses" => After(services => services.AddScoped<IAuthenticationService, Refuse>()),
            "authentication service before the mesh refuses" => Before(services => services.AddScoped<IAuthenticationService, Refuse>()),
            "authentication service is decorated" => After(Decorate),
            "handler of the scheme refuses" => After(services => services.AddTransient<JwtBearerHandler, RefuseTokens>()),
            "handler provider refuses" => After(
                services => services.AddTransient<RefuseTokens>().AddScoped<IAuthenticationHandlerProvider, RefuseAll>()),
            "container adds a transformation" => (null, builder => builder.Host.UseServiceProviderFactory(new AddTransformation()), null),
            "admin demands a user" => After(services => services.AddAuthorizationBuilder()
                .AddPolicy(Policies.Admin, policy => policy.AddAuthenticationSchemes("Bearer").RequireRole(Roles.User))),
            "admin demands a token only" => After(services => services.AddAuthorizationBuilder()
                .AddPolicy(Policies.Admin, policy => policy.AddAuthenticationSchemes("Bearer").RequireAuthenticatedUser())),
            "default policy forbids" => After(services => services.AddAuthorizationBuilder()
                .SetDefaultPolicy(new AuthorizationPolicyBuilder("Bearer").RequireAssertion(_ => false).Build())),
            "another default scheme" => After(services =>
                services.AddAuthentication("Anybody").AddScheme<AuthenticationSchemeOptions, Anybody>("Anybody", null)),
            "middleware replaces the user" => Between(context => context.User = new(NewAdmin())),
            "middleware adds an admin" => Between(context => context.User.AddIdentity(NewAdmin())),
            "middleware removes the role" => Between(context => RemoveRole(context.User)),
            "middleware clones the user" => Between(context => context.User = context.User.Clone()),
            "middleware wraps the identity" => Between(context => context.User = new((ClaimsIdentity)context.User.Identity!)),
            "middleware reads the user" => Between(context => Assert.NotEmpty(context.User.Claims)),
            "middleware drops the header later" => Between(context => context.Request.Headers.Remove("Authorization")),
            "middleware adds the header later" => (
                null, builder => builder.Services.AddSingleton<IStartupFilter, HideHeader>(), RestoreHeader),
            _ => throw new ArgumentOutOfRangeException(nameof(name), name, "no such addition"),
        };

    private static ClaimsIdentity NewAdmin() =>
        new([new Claim("role", Roles.Admin), new Claim("sub", "nobody")], "made up", "sub", "role");

    private static ClaimsPrincipal AddAdmin(ClaimsPrincipal user)
    {
        var changed = user.Clone();
        changed.AddIdentity(NewAdmin());
        return changed;
    }

    private static ClaimsPrincipal RemoveRole(ClaimsPrincipal user)
    {
        foreach (var identity in user.Identities)
        {
            foreach (var role in identity.FindAll("role").ToList())
            {
                identity.RemoveClaim(role);
            }
        }

        return user;
    }

    private static (Action<WebApplicationBuilder>?, Action<WebApplicationBuilder>?, RequestDelegateStep?) Before(
        Action<IServiceCollection> add) => (builder => add(builder.Services), null, null);

    private static (Action<WebApplicationBuilder>?, Action<WebApplicationBuilder>?, RequestDelegateStep?) After(
        Action<IServiceCollection> add) => (null, builder => add(builder.Services), null);

    private static (Action<WebApplicationBuilder>?, Action<WebApplicationBuilder>?, RequestDelegateStep?) Between(
        Action<HttpContext> act) => (null, null, (context, next) =>
    {
        act(context);
        return next();
    }
    );

    // As a team, or a library for it, wraps a part that it finds registered.
    private static void Decorate(IServiceCollection services)
    {
        var found = services.Single(service => service.ServiceType == typeof(IAuthenticationService));
        services.Remove(found);
        services.Add(new ServiceDescriptor(
            typeof(IAuthenticationService), provider => new PassOn((IAuthenticationService)found.ImplementationFactory!(provider)),
            found.Lifetime));
    }

    private static Task RestoreHeader(HttpContext context, Func<Task> next)
    {
        context.Request.Headers.Authorization = context.Request.Headers["Hidden"];
        return next();
    }

    private sealed class HideHeader : IStartupFilter
    {
        public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
        {
            app.Use((context, proceed) =>
            {
                context.Request.Headers["Hidden"] = context.Request.Headers.Authorization;
                context.Request.Headers.Authorization = default;
                return proceed(context);
            });
            next(app);
        };
    }

    private sealed class Transformation(Func<ClaimsPrincipal, ClaimsPrincipal> change) : IClaimsTransformation
    {
        public Task<ClaimsPrincipal> TransformAsync(ClaimsPrincipal principal) => Task.FromResult(change(principal));
    }

    private sealed class FailEverybody : IAuthorizationHandler
    {
        public Task HandleAsync(AuthorizationHandlerContext context)
        {
            context.Fail();
            return Task.CompletedTask;
        }
    }

    private sealed class DecideNothing : IAuthorizationHandler
    {
        public Task HandleAsync(AuthorizationHandlerContext context) => Task.CompletedTask;
    }

    private sealed class OpenAdmin(IOptions<AuthorizationOptions> options) : DefaultAuthorizationPolicyProvider(options)
    {
        public override Task<AuthorizationPolicy?> GetPolicyAsync(string policyName) => base.GetPolicyAsync(Policies.SignedIn);
    }

    private sealed class Forbid(IAuthorizationService authorization) : PolicyEvaluator(authorization)
    {
        public override Task<PolicyAuthorizationResult> AuthorizeAsync(
            AuthorizationPolicy policy, AuthenticateResult authenticationResult, HttpContext context, object? resource) =>
            Task.FromResult(PolicyAuthorizationResult.Forbid());
    }

    private sealed class ForbidAll : IAuthorizationService
    {
        public Task<AuthorizationResult> AuthorizeAsync(
            ClaimsPrincipal user, object? resource, IEnumerable<IAuthorizationRequirement> requirements) =>
            Task.FromResult(AuthorizationResult.Failed());

        public Task<AuthorizationResult> AuthorizeAsync(ClaimsPrincipal user, object? resource, string policyName) =>
            Task.FromResult(AuthorizationResult.Failed());
    }

    private sealed class FailAll : IAuthorizationEvaluator
    {
        public AuthorizationResult Evaluate(AuthorizationHandlerContext context) => AuthorizationResult.Failed();
    }

    private sealed class AdminContexts : IAuthorizationHandlerContextFactory
    {
        public AuthorizationHandlerContext CreateContext(
            IEnumerable<IAuthorizationRequirement> requirements, ClaimsPrincipal user, object? resource) =>
            new(requirements, new ClaimsPrincipal(NewAdmin()), resource);
    }

    private sealed class NoHandlers : IAuthorizationHandlerProvider
    {
        public Task<IEnumerable<IAuthorizationHandler>> GetHandlersAsync(AuthorizationHandlerContext context) =>
            Task.FromResult<IEnumerable<IAuthorizationHandler>>([]);
    }

    private sealed class Refuse(
        IAuthenticationSchemeProvider schemes, IAuthenticationHandlerProvider handlers, IClaimsTransformation transformation,
        IOptions<AuthenticationOptions> options) : AuthenticationService(schemes, handlers, transformation, options)
    {
        public override Task<AuthenticateResult> AuthenticateAsync(HttpContext context, string? scheme) =>
            Task.FromResult(AuthenticateResult.Fail("by the team's own service"));
    }

    private sealed class PassOn(IAuthenticationService inner) : IAuthenticationService
    {
        public Task<AuthenticateResult> AuthenticateAsync(HttpContext context, string? scheme) => inner.AuthenticateAsync(context, scheme);

        public Task ChallengeAsync(HttpContext context, string? scheme, AuthenticationProperties? properties) =>
            inner.ChallengeAsync(context, scheme, properties);

        public Task ForbidAsync(HttpContext context, string? scheme, AuthenticationProperties? properties) =>
            inner.ForbidAsync(context, scheme, properties);

        public Task SignInAsync(HttpContext context, string? scheme, ClaimsPrincipal principal, AuthenticationProperties? properties) =>
            inner.SignInAsync(context, scheme, principal, properties);

        public Task SignOutAsync(HttpContext context, string? scheme, AuthenticationProperties? properties) =>
            inner.SignOutAsync(context, scheme, properties);
    }

    private sealed class RefuseTokens(IOptionsMonitor<JwtBearerOptions> options, ILoggerFactory logger, UrlEncoder encoder)
        : JwtBearerHandler(options, logger, encoder)
    {
        protected override Task<AuthenticateResult> HandleAuthenticateAsync() =>
            Task.FromResult(AuthenticateResult.Fail("by its own rule"));
    }

    private sealed class RefuseAll(RefuseTokens handler, IAuthenticationSchemeProvider schemes) : IAuthenticationHandlerProvider
    {
        public async Task<IAuthenticationHandler?> GetHandlerAsync(HttpContext context, string authenticationScheme)
        {
            await handler.InitializeAsync((await schemes.GetSchemeAsync(authenticationScheme))!, context);
            return handler;
        }
    }

    private sealed class AddTransformation : IServiceProviderFactory<IServiceCollection>
    {
        public IServiceCollection CreateBuilder(IServiceCollection services)
        {
            var own = new ServiceCollection();
            foreach (var service in services)
            {
                ((ICollection<ServiceDescriptor>)own).Add(service);
            }

            return own.AddSingleton<IClaimsTransformation>(new Transformation(AddAdmin));
        }

        public IServiceProvider CreateServiceProvider(IServiceCollection containerBuilder) => containerBuilder.BuildServiceProvider();
    }

    /// <summary>Signs everybody in as an admin.</summary>
    private sealed class Anybody(IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logger, UrlEncoder encoder)
        : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
    {
        protected override Task<AuthenticateResult> HandleAuthenticateAsync() =>
            Task.FromResult(AuthenticateResult.Success(new AuthenticationTicket(new ClaimsPrincipal(NewAdmin()), Scheme.Name)));
    }
}
