using System.Diagnostics.CodeAnalysis;
using AuthMesh.Access;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Authorization.Infrastructure;
using Microsoft.AspNetCore.Authorization.Policy;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace AuthMesh.ShortPath;

/// <summary>
/// Knows whether a service has the framework's own parts for authentication and authorization. With a part of its own, such as a claims
/// transformation, the verdict on a caller can differ from the verdict on the token, so the service takes the framework's way.
/// </summary>
/// <remarks>It looks once, at the first request: a scheme that a service exchanges while it runs is not noticed.</remarks>
internal sealed class FrameworkParts
{
    private static readonly Type[] Judging =
    [
        typeof(IAuthenticationSchemeProvider), typeof(IClaimsTransformation), typeof(IAuthorizationPolicyProvider),
        typeof(IAuthorizationService), typeof(IAuthorizationHandlerProvider), typeof(IAuthorizationHandlerContextFactory),
        typeof(IAuthorizationEvaluator),
    ];

    private static readonly Type[] Replaced =
        [typeof(IAuthenticationService), typeof(IAuthenticationHandlerProvider), typeof(IPolicyEvaluator)];

    private readonly Lazy<bool> areAlone;

    /// <param name="registered">All services of this program. They are complete when the first request asks.</param>
    /// <param name="provider">Makes the parts. A container of another kind may know more than was registered.</param>
    public FrameworkParts(IServiceCollection registered, IServiceProvider provider) => areAlone = new(() =>
    {
        if (!AreRegisteredAlone(registered))
        {
            return false;
        }

        using var scope = provider.CreateScope();
        return AreMade(scope.ServiceProvider);
    });

    /// <summary>Whether no part of the service's own takes part in judging a caller.</summary>
    public bool AreAlone => areAlone.Value;

    /// <summary>Puts our part in the place of the framework's, which others then get as a <see cref="FrameworkPart{TPart}"/>.</summary>
    public static void Replace<TPart, [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] TOurs>(
        IServiceCollection services)
        where TPart : class
        where TOurs : class, TPart
    {
        var theirs = services.Last(service => service.ServiceType == typeof(TPart) && !service.IsKeyedService);
        services.Remove(theirs);
        services.Add(new ServiceDescriptor(
            typeof(FrameworkPart<TPart>),
            provider => new FrameworkPart<TPart>((TPart)(theirs.ImplementationInstance ?? theirs.ImplementationFactory?.Invoke(provider)
                ?? ActivatorUtilities.CreateInstance(provider, theirs.ImplementationType!))),
            theirs.Lifetime));
        services.AddSingleton<TOurs>();
        services.AddSingleton<TPart>(provider => provider.GetRequiredService<TOurs>());
    }

    // A registration by a factory or an instance counts as the service's own: it may make another part each time.
    private static bool AreRegisteredAlone(IServiceCollection registered) =>
        Judging.All(type => registered.Where(service => service.ServiceType == type).All(IsFrameworks))
        && Replaced.All(type => registered.Count(service => service.ServiceType == type) == 1)
        && registered.Where(service => service.ServiceType == typeof(IAuthorizationHandler)).All(service => IsKnown(TypeOf(service)))
        && registered.Where(service => service.ServiceType == typeof(JwtBearerHandler))
            .All(service => TypeOf(service) == typeof(JwtBearerHandler));

    private static bool AreMade(IServiceProvider made) =>
        Judging.All(type => IsFrameworks(made.GetRequiredService(type).GetType()))
        && made.GetServices<IAuthorizationHandler>().All(handler => IsKnown(handler.GetType()))
        && made.GetRequiredService<IAuthenticationService>() is BearerAuthentication
        && made.GetRequiredService<IAuthenticationHandlerProvider>() is HandlersOnDemand
        && made.GetRequiredService<IPolicyEvaluator>() is TokenPolicies
        && IsFrameworks(made.GetRequiredService<FrameworkPart<IAuthenticationService>>().Part.GetType())
        && IsFrameworks(made.GetRequiredService<FrameworkPart<IAuthenticationHandlerProvider>>().Part.GetType())
        && IsFrameworks(made.GetRequiredService<FrameworkPart<IPolicyEvaluator>>().Part.GetType())
        && made.GetRequiredService<IOptions<AuthenticationOptions>>().Value.SchemeMap
            .TryGetValue(JwtBearerDefaults.AuthenticationScheme, out var scheme)
        && scheme.HandlerType == typeof(JwtBearerHandler);

    private static Type? TypeOf(ServiceDescriptor service) => service.IsKeyedService ? null : service.ImplementationType;

    private static bool IsKnown(Type? handler) =>
        handler == typeof(PassThroughAuthorizationHandler) || handler == typeof(StepUpHandler) || handler == typeof(LimitedTokens);

    private static bool IsFrameworks(ServiceDescriptor service) => TypeOf(service) is { } type && IsFrameworks(type);

    private static bool IsFrameworks(Type type) =>
        type.Assembly == typeof(AuthenticationService).Assembly || type.Assembly == typeof(DefaultAuthorizationService).Assembly
        || type.Assembly == typeof(PolicyEvaluator).Assembly;
}

/// <summary>
/// The framework's part that ours stands in for. It has a type of its own, so that a service that decorates parts finds only one.
/// </summary>
internal sealed record FrameworkPart<TPart>(TPart Part);
