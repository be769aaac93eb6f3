using k8s.Models;

namespace AuthMesh.Tests.Kubernetes;

/// <summary>
/// The walls of the network, read from the rendered policies as Kubernetes reads them: a rule without peers admits everybody, and a pod
/// that no policy selects is open.
/// </summary>
public sealed class NetworkPolicyTests
{
    private static readonly string[] Guarded = ["smallest.yaml", "ingress.yaml", "cloudnative-pg.yaml"];

    public static TheoryData<string> Examples => [.. Guarded];

    [Theory]
    [MemberData(nameof(Examples))]
    public async Task Every_pod_is_closed_in_both_directions_by_one_policy(string example)
    {
        var manifests = await Helm.RenderAsync(example);

        Assert.All(manifests.Pods, pod => Assert.Equal(["Egress", "Ingress"], PolicyOf(pod, manifests).PolicyTypes.Order()));
    }

    [Theory]
    [MemberData(nameof(Examples))]
    public async Task The_gateway_alone_is_reached_from_outside_and_never_at_its_inner_port(string example)
    {
        var manifests = await Helm.RenderAsync(example);
        foreach (var pod in manifests.Pods)
        {
            var rules = PolicyOf(pod, manifests).Ingress ?? [];
            if (pod.Component == "gateway")
            {
                Assert.Equal(["http"], rules.SelectMany(rule => rule.Ports).Select(port => port.Port.Value));
                continue;
            }

            Assert.All(rules, rule => Assert.NotEmpty(rule.FromProperty));
            Assert.All(rules, rule => Assert.NotEmpty(rule.Ports));
            Assert.All(rules.SelectMany(rule => rule.FromProperty), peer => Assert.True(IsOfMesh(peer, manifests) || IsOwnService(peer)));
        }

        Assert.Empty(manifests.Pods.Where(pod => pod.Component == "migration").SelectMany(pod => PolicyOf(pod, manifests).Ingress ?? []));
    }

    [Fact]
    public async Task A_gateway_that_ends_TLS_is_reached_at_its_https_port_too()
    {
        var done = await Helm.TemplateAsync("smallest.yaml", "gateway.tls.secret=a-certificate", "gateway.service.port=443");
        done.AssertExited(0);
        var manifests = Manifests.Read(done.Output);

        var rule = Assert.Single(PolicyOf(manifests.Pods.Single(pod => pod.Component == "gateway"), manifests).Ingress);

        Assert.Equal(["http", "https"], rule.Ports.Select(port => port.Port.Value));
    }

    [Fact]
    public async Task The_gateway_admits_only_the_peers_of_the_values_if_they_name_some()
    {
        Assert.Null(Rule(await Helm.RenderAsync("smallest.yaml")).FromProperty);
        Assert.Equal(
            "ingress-nginx",
            Assert.Single(Rule(await Helm.RenderAsync("ingress.yaml")).FromProperty).NamespaceSelector.MatchLabels.Values.Single());

        static V1NetworkPolicyIngressRule Rule(Manifests manifests) =>
            Assert.Single(PolicyOf(manifests.Pods.Single(pod => pod.Component == "gateway"), manifests).Ingress);
    }

    [Theory]
    [MemberData(nameof(Examples))]
    public async Task Only_the_identity_service_and_its_migration_leave_and_reach_PostgreSQL(string example)
    {
        var manifests = await Helm.RenderAsync(example);
        foreach (var pod in manifests.Pods)
        {
            var rules = PolicyOf(pod, manifests).Egress;
            Assert.All(rules, rule => Assert.NotEmpty(rule.To));
            Assert.All(rules, rule => Assert.NotEmpty(rule.Ports));
            var outside = rules.Where(rule => !rule.To.All(peer => IsOfMesh(peer, manifests) || IsOwnService(peer) || IsCommon(peer)))
                .SelectMany(rule => rule.Ports).Select(port => port.Port.Value).ToList();
            string[] expected = pod.Component switch
            {
                "identity-service" when example == "ingress.yaml" => ["5432", "587", "443"],
                "identity-service" or "migration" => ["5432"],
                _ => [],
            };
            Assert.Equal(expected, outside);
        }
    }

    [Theory]
    [MemberData(nameof(Examples))]
    public async Task What_the_services_need_of_each_other_passes(string example)
    {
        var manifests = await Helm.RenderAsync(example);

        AssertPasses("gateway", "identity-service", "http"); // keys, revocations, exchange
        AssertPasses("gateway", "identity-service", "http2");
        AssertPasses("gateway", "resource-service", "http2");
        AssertPasses("resource-service", "identity-service", "http");
        AssertDoesNotPass("resource-service", "identity-service", "http2");
        AssertDoesNotPass("resource-service", "gateway", "http");
        AssertDoesNotPass("identity-service", "resource-service", "http");

        void AssertPasses(string from, string to, string port) => Assert.True(Passes(from, to, port, manifests), $"{from} to {to}:{port}");

        void AssertDoesNotPass(string from, string to, string port) =>
            Assert.False(Passes(from, to, port, manifests), $"{from} to {to}:{port}");
    }

    [Fact]
    public async Task A_service_of_ones_own_is_reached_by_the_gateway_and_reaches_the_identity_service_in_its_namespace_alone()
    {
        var manifests = await Helm.RenderAsync("ingress.yaml");
        var gateway = PolicyOf(manifests.Pods.Single(pod => pod.Component == "gateway"), manifests);
        var identity = PolicyOf(manifests.Pods.Single(pod => pod.Component == "identity-service"), manifests);

        var there = Assert.Single(gateway.Egress, rule => rule.To.Any(IsOwnService));
        Assert.Equal("8082", Assert.Single(there.Ports).Port.Value);
        var back = Assert.Single(identity.Ingress, rule => rule.FromProperty.Any(IsOwnService));
        Assert.Equal("http", Assert.Single(back.Ports).Port.Value);
        Assert.All(
            there.To.Concat(back.FromProperty).Where(IsOwnService),
            peer => Assert.Equal("team-notes", peer.NamespaceSelector.MatchLabels["kubernetes.io/metadata.name"]));
    }

    [Fact]
    public async Task Prometheus_reaches_the_metrics_of_every_service_from_its_own_place_alone()
    {
        const string From = "metrics.from[0].namespaceSelector.matchLabels.team=monitoring";
        var done = await Helm.TemplateAsync("smallest.yaml", "metrics.enabled=true", From);
        done.AssertExited(0);
        var manifests = Manifests.Read(done.Output);

        Assert.All(manifests.Pods, pod =>
        {
            Assert.Equal("http://+:9464", pod.Environment["AuthMesh__MetricsUrl"]);
            Assert.Contains(pod.Container.Ports, port => port.Name == "metrics" && port.ContainerPort == 9464);
            var rule = Assert.Single(PolicyOf(pod, manifests).Ingress, rule => rule.Ports.Any(port => port.Port.Value == "metrics"));
            Assert.Equal("monitoring", Assert.Single(rule.FromProperty).NamespaceSelector.MatchLabels["team"]);
            Assert.Single(rule.Ports);
        });
        Assert.DoesNotContain(
            manifests.All.OfType<V1Service>().SelectMany(service => service.Spec.Ports), port => port.TargetPort.Value == "metrics");
    }

    /// <summary>The rule for other services would then be a list of nobody, which admits everybody.</summary>
    [Fact]
    public async Task Without_other_services_the_identity_service_admits_the_gateway_alone()
    {
        var done = await Helm.TemplateAsync("smallest.yaml", "resourceService.enabled=false");
        done.AssertExited(0);
        var manifests = Manifests.Read(done.Output);

        var rule = Assert.Single(PolicyOf(manifests.Pods.Single(pod => pod.Component == "identity-service"), manifests).Ingress);

        Assert.True(manifests.Pods.Single(pod => pod.Component == "gateway").IsSelectedBy(
            Assert.Single(rule.FromProperty).PodSelector.MatchLabels));
    }

    private static V1NetworkPolicySpec PolicyOf(Pod pod, Manifests manifests) => Assert.Single(
        manifests.All.OfType<V1NetworkPolicy>(), policy => pod.IsSelectedBy(policy.Spec.PodSelector.MatchLabels)).Spec;

    private static bool Passes(string from, string to, string port, Manifests manifests)
    {
        var (source, target) = (manifests.Pods.Single(pod => pod.Component == from), manifests.Pods.Single(pod => pod.Component == to));
        return PolicyOf(source, manifests).Egress.Any(
                rule => rule.To.Any(peer => Selects(peer, target)) && rule.Ports.Any(one => one.Port.Value == port))
            && PolicyOf(target, manifests).Ingress.Any(
                rule => (rule.FromProperty ?? []).Any(peer => Selects(peer, source)) && rule.Ports.Any(one => one.Port.Value == port));
    }

    private static bool Selects(V1NetworkPolicyPeer peer, Pod pod) =>
        peer.NamespaceSelector is null && peer.PodSelector is not null && pod.IsSelectedBy(peer.PodSelector.MatchLabels);

    private static bool IsOfMesh(V1NetworkPolicyPeer peer, Manifests manifests) =>
        peer.PodSelector?.MatchLabels is { Count: > 0 } && manifests.Pods.Any(pod => Selects(peer, pod));

    private static bool IsOwnService(V1NetworkPolicyPeer peer) =>
        peer.PodSelector?.MatchLabels?.TryGetValue("app", out var name) is true && name == "notes";

    // The names, and the collector of telemetry.
    private static bool IsCommon(V1NetworkPolicyPeer peer) =>
        peer.NamespaceSelector?.MatchLabels?["kubernetes.io/metadata.name"] is "kube-system" or "monitoring";
}
