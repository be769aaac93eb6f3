using System.Globalization;
using AuthMesh.Access;
using AuthMesh.Errors;
using AuthMesh.Gateway.RateLimiting;
using AuthMesh.Gateway.Resources;
using AuthMesh.Gateway.Streams;
using Microsoft.AspNetCore.Authorization;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Model;

namespace AuthMesh.Gateway;

/// <summary>
/// The demands of a route on the caller's sign-in: <c>Metadata:MaxAge</c>, such as 00:10:00, and <c>Metadata:Acr</c>, which is aal2. They
/// mean the same as <see cref="StepUp"/> in a service.
/// </summary>
internal static class RouteDemands
{
    private const string MaxAge = "MaxAge", Acr = "Acr";
    private const string Errors = "Errors", OAuth = "oauth"; // the gateway's own errors have the members of OAuth, too

    /// <summary>Adds each route's demands to its endpoint. The proxy builds the endpoints again at every reload of the settings.</summary>
    public static void Add(IEndpointConventionBuilder routes) => routes.Add(endpoint =>
    {
        if (endpoint.Metadata.OfType<RouteModel>().FirstOrDefault()?.Config is not { } route)
        {
            return;
        }

        RateClass.Add(endpoint, route);
        ScopedRoutes.AddDemand(endpoint, route);
        RouteAudience.Add(endpoint, route);
        if (route.Metadata?.GetValueOrDefault(Errors) == OAuth)
        {
            endpoint.Metadata.Add(OAuthErrors.Protocol);
        }

        if (route.Metadata is not { } metadata)
        {
            return;
        }

        StreamingRoutes.AddMethods(endpoint, route);

        if (metadata.TryGetValue(MaxAge, out var age))
        {
            endpoint.Metadata.Add(StepUp.PolicyFor(new RecentSignIn(TimeSpan.Parse(age, CultureInfo.InvariantCulture))));
        }

        if (metadata.ContainsKey(Acr))
        {
            endpoint.Metadata.Add(StepUp.PolicyFor(new TwoFactors()));
        }
    });

    /// <exception cref="InvalidOperationException">A demand cannot be read, or nobody on this route could meet it.</exception>
    public static void Check(RouteConfig route, string key)
    {
        if (route.Metadata is not { } metadata)
        {
            return;
        }

        if (metadata.TryGetValue(MaxAge, out var age)
            && !(age.Contains(':', StringComparison.Ordinal) // a bare number would be days
                && TimeSpan.TryParseExact(age, "c", CultureInfo.InvariantCulture, out var parsed) && parsed >= TimeSpan.FromSeconds(1)))
        {
            throw new InvalidOperationException($"{key}:Metadata:{MaxAge} is {age}. Write a time of at least a second, such as 00:10:00.");
        }

        if (metadata.TryGetValue(Acr, out var acr) && acr != Assurance.TwoFactors)
        {
            throw new InvalidOperationException($"{key}:Metadata:{Acr} is {acr}. Write {Assurance.TwoFactors}, or leave it out.");
        }

        if (metadata.TryGetValue(Errors, out var errors) && errors != OAuth)
        {
            throw new InvalidOperationException($"{key}:Metadata:{Errors} is {errors}. Write {OAuth}, or leave it out.");
        }

        if ((metadata.ContainsKey(MaxAge) || metadata.ContainsKey(Acr)) && ScopedRoutes.IsForApplications(route))
        {
            throw new InvalidOperationException(
                $"{key}:Metadata has {MaxAge} or {Acr}, and {key}:AuthorizationPolicy is for applications, which prove nothing.");
        }

        if ((metadata.ContainsKey(MaxAge) || metadata.ContainsKey(Acr)) && route.AuthorizationPolicy == "anonymous")
        {
            throw new InvalidOperationException(
                $"{key}:Metadata has {MaxAge} or {Acr}, and {key}:AuthorizationPolicy is anonymous. Write signed-in or admin.");
        }
    }
}
