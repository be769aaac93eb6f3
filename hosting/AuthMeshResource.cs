namespace Aspire.Hosting.ApplicationModel;

/// <summary>The gateway of a mesh: the one origin that browsers and clients see.</summary>
public sealed class AuthMeshResource : ContainerResource, IResourceWithServiceDiscovery
{
    internal AuthMeshResource(string name, AuthMeshIdentityResource identity, ParameterResource serviceKey, ReferenceExpression issuer)
        : base(name) => (Identity, ServiceKey, Issuer) = (identity, serviceKey, issuer);

    /// <summary>The identity service.</summary>
    public AuthMeshIdentityResource Identity { get; }

    /// <summary>The key by which the mesh's services know each other (<c>AuthMesh:ServiceKey</c>).</summary>
    public ParameterResource ServiceKey { get; }

    /// <summary>The origin, which every token contains (<c>AuthMesh:Issuer</c>).</summary>
    public ReferenceExpression Issuer { get; }
}

/// <summary>The identity service of a mesh. It stores the accounts in PostgreSQL and signs the tokens.</summary>
public sealed class AuthMeshIdentityResource : ContainerResource
{
    internal AuthMeshIdentityResource(string name) : base(name)
    {
    }
}
