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
internal sealed class FrameworkParts
{
    /// <summary>The key under which the framework's part stays registered when ours takes its place.</summary>
    public const string Key = "AuthMesh.Framework";

    private static readonly Type[] Judging =
    [
        typeof(IAuthenticationSchemeProvider), typeof(IClaimsTransformation), typeof(IAuthorizationPolicyProvider),
        typeof(IAuthorizationService), typeof(IAuthorizationHandlerProvider), typeof(IAuthorizationHandlerContextFactory),
        typeof(IAuthorizationEvaluator),
    ];

    private static readonly Type[] Replaced =
        [typeof(IAuthenticationService), typeof(IAuthenticationHandlerProvider), typeof(IPolicyEvaluator)];

    /// <param name="services">All services of this program. They are complete when the first request asks.</param>
    /// <param name="authentication">Names the handler of each scheme.</param>
    public FrameworkParts(IServiceCollection services, IOptions<AuthenticationOptions> authentication) =>
        AreAlone = Judging.All(type => IsFrameworks(Last(services, type, null)))
            && Replaced.All(type => IsFrameworks(Last(services, type, Key)))
            && services.Where(service => service.ServiceType == typeof(IAuthorizationHandler)).All(IsKnownHandler)
            && authentication.Value.SchemeMap.TryGetValue(JwtBearerDefaults.AuthenticationScheme, out var scheme)
            && scheme.HandlerType == typeof(JwtBearerHandler);

    /// <summary>Whether no part of the service's own takes part in judging a caller.</summary>
    public bool AreAlone { get; }

    /// <summary>Puts our part in the place of the framework's, which stays registered under <see cref="Key"/>.</summary>
    public static void Replace<TPart, [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] TOurs>(
        IServiceCollection services)
        where TPart : class
        where TOurs : class, TPart
    {
        var theirs = Last(services, typeof(TPart), null)!;
        services.Remove(theirs);
        services.Add(theirs switch
        {
            { ImplementationType: { } type } => ServiceDescriptor.DescribeKeyed(typeof(TPart), Key, type, theirs.Lifetime),
            { ImplementationFactory: { } make } =>
                ServiceDescriptor.DescribeKeyed(typeof(TPart), Key, (provider, _) => make(provider), theirs.Lifetime),
            _ => ServiceDescriptor.KeyedSingleton(typeof(TPart), Key, theirs.ImplementationInstance!),
        });
        services.AddSingleton<TOurs>();
        services.AddSingleton<TPart>(provider => provider.GetRequiredService<TOurs>());
    }

    private static ServiceDescriptor? Last(IServiceCollection services, Type type, string? key) =>
        services.LastOrDefault(service => service.ServiceType == type && Equals(service.ServiceKey, key));

    private static bool IsKnownHandler(ServiceDescriptor service) =>
        !service.IsKeyedService
        && (service.ImplementationType == typeof(PassThroughAuthorizationHandler) || service.ImplementationType == typeof(StepUpHandler));

    private static bool IsFrameworks(ServiceDescriptor? service)
    {
        var type = service is { IsKeyedService: true } ? service.KeyedImplementationType : service?.ImplementationType;
        return type is not null && (type.Assembly == typeof(AuthenticationService).Assembly
            || type.Assembly == typeof(DefaultAuthorizationService).Assembly || type.Assembly == typeof(PolicyEvaluator).Assembly);
    }
}
