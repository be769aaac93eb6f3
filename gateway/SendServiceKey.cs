using AuthMesh.Issuer;
using AuthMesh.Settings;
using Microsoft.Extensions.Options;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Transforms;
using Yarp.ReverseProxy.Transforms.Builder;

namespace AuthMesh.Gateway;

/// <summary>
/// Sends the mesh's service key to the identity service, which then trusts the client address that the gateway forwards. No other cluster
/// gets it, because its holder can act as a service of the mesh.
/// </summary>
internal sealed class SendServiceKey(IOptions<AuthMeshOptions> mesh) : ITransformProvider
{
    private const string Metadata = "ServiceCredential";

    public static bool IsFor(ClusterConfig? cluster) => cluster?.Metadata?.GetValueOrDefault(Metadata) == "true";

    public void Apply(TransformBuilderContext context)
    {
        if (IsFor(context.Cluster))
        {
            context.AddRequestHeader(
                IssuerConnection.ServiceKeyHeader, Secret.Read(mesh.Value.ServiceKey, mesh.Value.ServiceKeyFile), append: false);
        }
    }

    public void ValidateRoute(TransformRouteValidationContext context)
    {
    }

    public void ValidateCluster(TransformClusterValidationContext context)
    {
        if (context.Cluster.Metadata?.GetValueOrDefault(Metadata) is { } value and not "true")
        {
            context.Errors.Add(new ArgumentException(
                $"ReverseProxy:Clusters:{context.Cluster.ClusterId}:Metadata:{Metadata} is {value}. Write true, or leave it out."));
        }
    }
}
