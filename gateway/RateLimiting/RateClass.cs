using Yarp.ReverseProxy.Configuration;

namespace AuthMesh.Gateway.RateLimiting;

/// <summary>
/// The class of a route, which decides what its requests count against: <c>Metadata:RateLimit</c>. Without it, a route for everybody is
/// <c>anonymous</c> and any other <c>signed-in</c>.
/// </summary>
internal sealed class RateClass
{
    public const string Metadata = "RateLimit";

    /// <summary>Counts by client network.</summary>
    public static readonly RateClass Anonymous = new("anonymous");

    /// <summary>Counts by client network, against a smaller number.</summary>
    public static readonly RateClass SignIn = new("sign-in");

    /// <summary>Counts by session. A request without a valid token counts as anonymous.</summary>
    public static readonly RateClass SignedIn = new("signed-in");

    /// <summary>Is not counted.</summary>
    public static readonly RateClass None = new("none");

    private static readonly RateClass[] All = [Anonymous, SignIn, SignedIn, None];

    private RateClass(string name) => Name = name;

    public string Name { get; }

    /// <summary>The class of a request; null if no route of the proxy matches it.</summary>
    public static RateClass? Of(HttpContext context) => context.GetEndpoint()?.Metadata.GetMetadata<RateClass>();

    /// <summary>Adds the class to the endpoint of a route.</summary>
    public static void Add(EndpointBuilder endpoint, RouteConfig route) => endpoint.Metadata.Add(Of(route));

    /// <exception cref="InvalidOperationException">The class does not exist, or the callers of the route have no session.</exception>
    public static void Check(RouteConfig route, string key)
    {
        if (route.Metadata?.GetValueOrDefault(Metadata) is { } name && !Array.Exists(All, each => each.Name == name))
        {
            throw new InvalidOperationException(
                $"{key}:Metadata:{Metadata} is {name}. Write {string.Join(", ", All[..^1].Select(each => each.Name))} or {None.Name}, or "
                + $"leave it out: then it is {Of(route.AuthorizationPolicy).Name}.");
        }

        if (Of(route) == SignedIn && IsAnonymous(route.AuthorizationPolicy))
        {
            throw new InvalidOperationException(
                $"{key}:Metadata:{Metadata} is {SignedIn.Name}, and {key}:AuthorizationPolicy is anonymous. Only signed-in callers have a "
                + $"session: write {Anonymous.Name} or {SignIn.Name}.");
        }
    }

    private static RateClass Of(RouteConfig route) =>
        Array.Find(All, each => each.Name == route.Metadata?.GetValueOrDefault(Metadata)) ?? Of(route.AuthorizationPolicy);

    private static RateClass Of(string? policy) => IsAnonymous(policy) ? Anonymous : SignedIn;

    private static bool IsAnonymous(string? policy) => string.Equals(policy, "anonymous", StringComparison.OrdinalIgnoreCase);
}
