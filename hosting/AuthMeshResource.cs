namespace Aspire.Hosting.ApplicationModel;

/// <summary>The gateway of a mesh: the one origin that browsers and clients see.</summary>
/// <param name="name">The name of the mesh.</param>
/// <param name="identity">The identity service of the mesh.</param>
/// <param name="serviceKey">The key by which the mesh's services know each other.</param>
/// <param name="issuer">The origin, which every token contains.</param>
public sealed class AuthMeshResource(
    string name, AuthMeshIdentityResource identity, ParameterResource serviceKey, ReferenceExpression issuer)
    : ContainerResource(name), IResourceWithServiceDiscovery
{
    private readonly Dictionary<string, int> routes = [];

    /// <summary>The identity service.</summary>
    public AuthMeshIdentityResource Identity { get; } = identity;

    /// <summary>The key by which the mesh's services know each other (<c>AuthMesh:ServiceKey</c>).</summary>
    public ParameterResource ServiceKey { get; } = serviceKey;

    /// <summary>The origin, which every token contains (<c>AuthMesh:Issuer</c>).</summary>
    public ReferenceExpression Issuer { get; } = issuer;

    /// <summary>Counts a new route to a service.</summary>
    /// <returns>How many routes lead to the service now.</returns>
    internal int CountRoute(string service) => routes[service] = routes.GetValueOrDefault(service) + 1;
}

/// <summary>The identity service of a mesh. It stores the accounts in PostgreSQL and signs the tokens.</summary>
/// <param name="name">The name of the resource.</param>
public sealed class AuthMeshIdentityResource(string name) : ContainerResource(name);
