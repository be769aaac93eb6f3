using Aspire.Hosting.ApplicationModel;

namespace AuthMesh.Hosting;

/// <summary>Marks a service that is behind a mesh, and knows the settings by which the gateway reaches it.</summary>
/// <param name="service">The name of the service.</param>
/// <param name="mesh">The mesh.</param>
internal sealed class ServiceBehindMesh(string service, AuthMeshResource mesh) : IResourceAnnotation
{
    private readonly AuthMeshResource mesh = mesh;
    private readonly string name = service + "-service"; // the mesh's own clusters and routes have no such names
    private int routes;

    /// <summary>The setting that holds the address of the service.</summary>
    public string AddressSetting => $"ReverseProxy__Clusters__{name}__Destinations__one__Address";

    /// <summary>The mark of a service, or null if it is behind no mesh.</summary>
    /// <exception cref="InvalidOperationException">The service is behind another mesh.</exception>
    public static ServiceBehindMesh? Find(IResource service, AuthMeshResource mesh)
    {
        var found = service.Annotations.OfType<ServiceBehindMesh>().SingleOrDefault();
        return found is null || found.mesh == mesh
            ? found
            : throw new InvalidOperationException($"{service.Name} is behind {found.mesh.Name} already: a service has one issuer.");
    }

    /// <summary>The settings by which the gateway learns whether the service is ready.</summary>
    /// <param name="readyPath">The path that answers 200 while the service is ready.</param>
    public IEnumerable<(string Name, string Value)> Cluster(string readyPath)
    {
        var probes = $"ReverseProxy__Clusters__{name}__HealthCheck__Active__";
        return
        [
            (probes + "Enabled", "true"), (probes + "Interval", "00:00:01"), (probes + "Timeout", "00:00:02"),
            (probes + "Policy", "Readiness"), (probes + "Path", readyPath),
        ];
    }

    /// <summary>The settings of one more route to the service.</summary>
    public IEnumerable<(string Name, string Value)> NextRoute(string path, IReadOnlyList<string> methods, string policy)
    {
        var route = $"ReverseProxy__Routes__{name}-{++routes}__";
        List<(string, string)> settings =
        [
            (route + "ClusterId", name), (route + "Match__Path", path), (route + "AuthorizationPolicy", policy),
            .. methods.Select((method, i) => ($"{route}Match__Methods__{i}", method)),
        ];
        if (policy == "anonymous")
        {
            settings.Add((route + "Metadata__SessionCookie", "IfUsable")); // the service knows a signed-in browser here too
        }

        return settings;
    }
}
