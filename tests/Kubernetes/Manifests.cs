using k8s;
using k8s.Models;

namespace AuthMesh.Tests.Kubernetes;

/// <summary>Rendered manifests as Kubernetes' own types.</summary>
internal sealed record Manifests(string Text, IReadOnlyList<IKubernetesObject<V1ObjectMeta>> All)
{
    // The Gateway API is not part of Kubernetes, and so not of its client.
    private static readonly Dictionary<string, Type> FurtherTypes = new()
    {
        [$"{HttpRoute.Group}/{HttpRoute.Version}/{HttpRoute.KubeKind}"] = typeof(HttpRoute),
    };

    public IEnumerable<V1Deployment> Deployments => All.OfType<V1Deployment>();

    /// <summary>The pods of all Deployments and Jobs: the component, the labels and what runs.</summary>
    public IReadOnlyList<Pod> Pods =>
    [
        .. Deployments.Select(deployment => Pod.Of(deployment.Spec.Template)),
        .. All.OfType<V1Job>().Select(job => Pod.Of(job.Spec.Template)),
    ];

    /// <summary>Reads them strictly: a field that Kubernetes does not know, or a value of a wrong type, is an error.</summary>
    public static Manifests Read(string text) => new(
        text, [.. KubernetesYaml.LoadAllFromString(text, FurtherTypes, strict: true).Cast<IKubernetesObject<V1ObjectMeta>>()]);
}

internal sealed record Pod(string Component, IDictionary<string, string> Labels, V1PodSpec Spec)
{
    public V1Container Container => Assert.Single(Spec.Containers);

    /// <summary>The values of its variables.</summary>
    public Dictionary<string, string> Environment => Container.Env.ToDictionary(variable => variable.Name, variable => variable.Value);

    public static Pod Of(V1PodTemplateSpec template) =>
        new(template.Metadata.Labels["app.kubernetes.io/component"], template.Metadata.Labels, template.Spec);

    /// <summary>Whether a selector takes this pod. An empty one takes every pod.</summary>
    public bool IsSelectedBy(IDictionary<string, string>? labels) =>
        (labels ?? new Dictionary<string, string>()).All(label => Labels.TryGetValue(label.Key, out var value) && value == label.Value);
}

/// <summary>What the chart uses of an HTTPRoute, by the names of gateway.networking.k8s.io/v1.</summary>
public sealed class HttpRoute : IKubernetesObject<V1ObjectMeta>
{
    public const string Group = "gateway.networking.k8s.io";
    public const string Version = "v1";
    public const string KubeKind = "HTTPRoute";

    public string ApiVersion { get; set; } = "";

    public string Kind { get; set; } = "";

    public V1ObjectMeta Metadata { get; set; } = new();

    public RouteSpec Spec { get; set; } = new();

    public sealed class RouteSpec
    {
        public IList<Parent> ParentRefs { get; set; } = [];

        public IList<string> Hostnames { get; set; } = [];

        public IList<Rule> Rules { get; set; } = [];
    }

    public sealed class Parent
    {
        public string Name { get; set; } = "";

        public string? Namespace { get; set; }

        public string? SectionName { get; set; }

        public int? Port { get; set; }
    }

    public sealed class Rule
    {
        public IList<RequestMatch> Matches { get; set; } = [];

        public IList<Backend> BackendRefs { get; set; } = [];
    }

    public sealed class RequestMatch
    {
        public PathMatch Path { get; set; } = new();
    }

    public sealed class PathMatch
    {
        public string Type { get; set; } = "";

        public string Value { get; set; } = "";
    }

    public sealed class Backend
    {
        public string Name { get; set; } = "";

        public int Port { get; set; }
    }
}
