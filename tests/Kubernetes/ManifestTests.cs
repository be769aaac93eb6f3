using System.Text.RegularExpressions;
using AuthMesh.Tests.Conventions.Documentation;
using k8s.Models;

namespace AuthMesh.Tests.Kubernetes;

/// <summary>What must hold in every manifest that the chart renders.</summary>
public sealed partial class ManifestTests
{
    private const long User = 1654; // of the images

    private const int LongestStop = 30; // seconds; a service ends by itself before

    public static TheoryData<string> Examples => [.. Helm.Examples];

    [Theory]
    [MemberData(nameof(Examples))]
    public async Task The_chart_passes_helm_lint(string example) => (await Helm.LintAsync(example)).AssertExited(0);

    [Theory]
    [InlineData("smallest.yaml")]
    [InlineData("ingress.yaml", "Ingress gateway")]
    [InlineData("cloudnative-pg.yaml", "HTTPRoute gateway", "Job migration", "NetworkPolicy migration")]
    public async Task An_example_has_these_objects(string example, params string[] further)
    {
        var manifests = await Helm.RenderAsync(example);

        string[] expected =
        [
            .. Each("Deployment", "gateway", "identity-service", "resource-service"),
            .. Each("NetworkPolicy", "gateway", "identity-service", "resource-service"),
            .. Each("PodDisruptionBudget", "gateway", "identity-service", "resource-service"),
            .. Each("Service", "gateway", "identity-service", "resource-service"),
            "HorizontalPodAutoscaler gateway", "ServiceAccount", .. further,
        ];
        Assert.Equal(expected.Order(StringComparer.Ordinal), Names(manifests));
    }

    [Fact]
    public async Task Without_the_example_service_policies_and_autoscaler_these_objects_are_left() => Assert.Equal(
        ["Deployment gateway", "Deployment identity-service", "PodDisruptionBudget gateway", "PodDisruptionBudget identity-service",
            "Service gateway", "Service identity-service", "ServiceAccount"],
        Names(await Helm.RenderAsync("load-balancer.yaml")));

    [Theory]
    [InlineData("readOnlyRootFilesystem:", "readOnlyRootFileSystem:")]
    [InlineData("containerPort: 8080", "containerPort: eighty")]
    [InlineData("maxUnavailable: 1\n", "maxUnavailable: 1\n  minAvaliable: 1\n")]
    [InlineData("type: PathPrefix", "kind: PathPrefix")]
    public async Task A_mistake_in_a_manifest_is_found(string right, string wrong)
    {
        var text = (await Helm.RenderAsync("cloudnative-pg.yaml")).Text;
        Assert.Contains(right, text, StringComparison.Ordinal);

        Assert.ThrowsAny<Exception>(() => Manifests.Read(text.Replace(right, wrong, StringComparison.Ordinal)));
    }

    /// <summary>A service refuses to start with a setting of the mesh that it does not know.</summary>
    [Theory]
    [MemberData(nameof(Examples))]
    public async Task Each_setting_of_the_mesh_is_one_that_the_services_know(string example)
    {
        var known = new Page("docs/settings.md").Rows("key").SelectMany(row => Page.Code(row[0])).ToHashSet(StringComparer.Ordinal);

        var set = (await Helm.RenderAsync(example)).Pods.SelectMany(pod => pod.Environment.Keys)
            .Where(name => name.Split("__")[0] is "AuthMesh" or "Identity" or "Gateway")
            .Select(name => ItemOfList().Replace(name, "").Replace("__", ":", StringComparison.Ordinal)).ToHashSet(StringComparer.Ordinal);

        Assert.NotEmpty(set);
        Assert.Empty(set.Except(known));
    }

    [GeneratedRegex("__[0-9]+$")]
    private static partial Regex ItemOfList();

    [Theory]
    [MemberData(nameof(Examples))]
    public async Task No_pod_has_more_rights_than_it_needs(string example)
    {
        var pods = (await Helm.RenderAsync(example)).Pods;
        Assert.NotEmpty(pods);
        Assert.All(pods, pod =>
        {
            Assert.False(pod.Spec.AutomountServiceAccountToken);
            Assert.False(pod.Spec.EnableServiceLinks);
            Assert.True(pod.Spec.HostNetwork is null && pod.Spec.HostPID is null && pod.Spec.HostIPC is null);
            Assert.Null(pod.Spec.InitContainers);
            Assert.True(pod.Spec.SecurityContext.RunAsNonRoot);
            Assert.Equal(User, pod.Spec.SecurityContext.RunAsUser);
            Assert.Equal(User, pod.Spec.SecurityContext.RunAsGroup);
            Assert.Equal(User, pod.Spec.SecurityContext.FsGroup);
            Assert.Equal("RuntimeDefault", pod.Spec.SecurityContext.SeccompProfile.Type);

            var own = pod.Container.SecurityContext;
            Assert.False(own.AllowPrivilegeEscalation);
            Assert.True(own.ReadOnlyRootFilesystem);
            Assert.Equal(["ALL"], own.Capabilities.Drop);
            Assert.True(own.Capabilities.Add is null && own.Privileged is null && own.RunAsUser is null);
            Assert.All(pod.Container.Ports ?? [], port => Assert.Null(port.HostPort));
        });
    }

    [Theory]
    [MemberData(nameof(Examples))]
    public async Task Secrets_come_from_Secrets_alone_as_files_that_the_pod_reads(string example)
    {
        var manifests = await Helm.RenderAsync(example);

        Assert.DoesNotContain(manifests.All, one => one is V1Secret or V1ConfigMap);
        Assert.All(manifests.Pods, pod =>
        {
            Assert.Null(pod.Container.EnvFrom);
            Assert.All(pod.Container.Env, variable => Assert.Null(variable.ValueFrom));
            Assert.DoesNotContain(pod.Environment, variable => variable.Value.Contains("password=", StringComparison.OrdinalIgnoreCase));

            // Each variable that names a file names one that is there, and no file is without use.
            var projected = Assert.Single(pod.Spec.Volumes).Projected;
            Assert.Equal(288, projected.DefaultMode); // 0440: the owner is root, the group is fsGroup
            var mount = Assert.Single(pod.Container.VolumeMounts);
            Assert.True(mount.ReadOnlyProperty);
            var files = projected.Sources.Select(source => $"{mount.MountPath}/{Assert.Single(source.Secret.Items).Path}").ToList();
            Assert.All(projected.Sources, source => Assert.NotEmpty(source.Secret.Name));
            Assert.All(files, file => Assert.Contains(
                pod.Environment.Values, value => value == file || value.EndsWith("Root Certificate=" + file, StringComparison.Ordinal)));
            Assert.Equal(
                pod.Environment.Where(variable => variable.Key.EndsWith("File", StringComparison.Ordinal))
                    .Select(variable => variable.Value).Order(StringComparer.Ordinal),
                files.Where(file => !file.EndsWith("database-ca", StringComparison.Ordinal)).Order(StringComparer.Ordinal));

            // Each pod gets the secrets that it needs, and no others.
            Assert.Equal(pod.Component != "migration", pod.Environment.ContainsKey("AuthMesh__ServiceKeyFile"));
            Assert.Equal(pod.Component == "identity-service", pod.Environment.ContainsKey("Identity__MasterKeyFile"));
            Assert.Equal(
                pod.Component is "identity-service" or "migration", pod.Environment.ContainsKey("Identity__Database__PasswordFile"));
        });
    }

    [Theory]
    [MemberData(nameof(Examples))]
    public async Task Every_pod_has_resources_an_exact_image_and_the_environment_of_production(string example) =>
        Assert.All((await Helm.RenderAsync(example)).Pods, pod =>
        {
            Assert.Equal(["cpu", "memory"], pod.Container.Resources.Requests.Keys.Order(StringComparer.Ordinal));
            Assert.Equal(["memory"], pod.Container.Resources.Limits.Keys); // a limit of processor time would slow down hashing
            Assert.Matches("^registry[.]example[.]com/authmesh/[a-z-]+(:1[.]0[.]0|@sha256:[0-9a-f]{64})$", pod.Container.Image);
            Assert.Equal("Production", pod.Environment["ASPNETCORE_ENVIRONMENT"]);
            Assert.True(pod.Component == "migration" || pod.Environment["AuthMesh__Issuer"] == "https://auth.example.com");
        });

    [Theory]
    [MemberData(nameof(Examples))]
    public async Task Every_service_is_probed_spread_replaced_without_a_gap_and_given_time_to_stop(string example)
    {
        var manifests = await Helm.RenderAsync(example);
        Assert.All(manifests.Deployments, deployment =>
        {
            var pod = Pod.Of(deployment.Spec.Template);
            var container = pod.Container;
            var probes = pod.Component == "gateway" ? "inner" : "http";
            Assert.Equal(
                [("/health/live", probes), ("/health/ready", probes), ("/health/live", probes)],
                new[] { container.StartupProbe, container.ReadinessProbe, container.LivenessProbe }
                    .Select(probe => (probe.HttpGet.Path, probe.HttpGet.Port.Value)));
            Assert.Contains(container.Ports, port => port.Name == probes);
            Assert.True(pod.Spec.TerminationGracePeriodSeconds > LongestStop);
            Assert.Equal(
                ["kubernetes.io/hostname", "topology.kubernetes.io/zone"],
                pod.Spec.TopologySpreadConstraints.Select(constraint => constraint.TopologyKey));
            Assert.All(pod.Spec.TopologySpreadConstraints, one => Assert.True(pod.IsSelectedBy(one.LabelSelector.MatchLabels)));
            Assert.Equal("0", deployment.Spec.Strategy.RollingUpdate.MaxUnavailable.Value);
            Assert.True(pod.IsSelectedBy(deployment.Spec.Selector.MatchLabels));

            // Two replicas at least, by number or by the autoscaler, of which a drain takes one at a time.
            var autoscaler = manifests.All.OfType<V2HorizontalPodAutoscaler>()
                .SingleOrDefault(scaler => scaler.Spec.ScaleTargetRef.Name == deployment.Metadata.Name);
            Assert.InRange(autoscaler?.Spec.MinReplicas ?? deployment.Spec.Replicas!.Value, 2, 100);
            Assert.True(autoscaler is null || deployment.Spec.Replicas is null);
            var budget = Assert.Single(
                manifests.All.OfType<V1PodDisruptionBudget>(), budget => pod.IsSelectedBy(budget.Spec.Selector.MatchLabels));
            Assert.Equal("1", budget.Spec.MaxUnavailable.Value);
        });
    }

    [Theory]
    [MemberData(nameof(Examples))]
    public async Task Every_name_leads_to_the_ports_of_one_component_and_the_inner_names_to_each_of_its_pods(string example)
    {
        var manifests = await Helm.RenderAsync(example);
        var services = manifests.All.OfType<V1Service>().ToList();
        foreach (var service in services)
        {
            var pod = Assert.Single(manifests.Pods, pod => pod.IsSelectedBy(service.Spec.Selector));
            Assert.Equal($"{Helm.Release}-{pod.Component}", service.Metadata.Name);
            Assert.All(service.Spec.Ports, port => Assert.Contains(pod.Container.Ports, own => own.Name == port.TargetPort.Value));
            Assert.Equal(pod.Component == "gateway" ? null : "None", service.Spec.ClusterIP);
            // No translation of ports at a name without an address of its own.
            Assert.All(
                service.Spec.Ports.Where(_ => service.Spec.ClusterIP == "None"),
                port => Assert.Equal(port.Port, pod.Container.Ports.Single(own => own.Name == port.TargetPort.Value).ContainerPort));
        }

        var gateway = services.Single(service => service.Metadata.Name == "authmesh-gateway");
        string[] expected = example == "load-balancer.yaml" ? ["https", "http"] : ["http"]; // not the inner one
        Assert.Equal(expected, gateway.Spec.Ports.Select(port => port.TargetPort.Value));
        foreach (var ingress in manifests.All.OfType<V1Ingress>())
        {
            var rule = Assert.Single(ingress.Spec.Rules);
            Assert.Equal("auth.example.com", rule.Host);
            Assert.Equal(["auth.example.com"], Assert.Single(ingress.Spec.Tls).Hosts);
            var backend = Assert.Single(rule.Http.Paths).Backend.Service;
            Assert.Equal((gateway.Metadata.Name, "http"), (backend.Name, backend.Port.Name));
        }

        foreach (var route in manifests.All.OfType<HttpRoute>())
        {
            Assert.Equal(["auth.example.com"], route.Spec.Hostnames);
            var backend = Assert.Single(Assert.Single(route.Spec.Rules).BackendRefs);
            Assert.Equal((gateway.Metadata.Name, gateway.Spec.Ports[0].Port), (backend.Name, backend.Port));
            Assert.Equal("https", Assert.Single(route.Spec.ParentRefs).SectionName);
        }
    }

    [Fact]
    public async Task The_migration_runs_before_everything_else_with_its_own_role()
    {
        var manifests = await Helm.RenderAsync("cloudnative-pg.yaml");
        var job = Assert.Single(manifests.All.OfType<V1Job>());
        var identity = Assert.Single(manifests.Pods, pod => pod.Component == "identity-service");
        var migration = Pod.Of(job.Spec.Template);

        Assert.Equal("pre-install,pre-upgrade", job.Metadata.Annotations["helm.sh/hook"]);
        Assert.Equal(["migrate"], migration.Container.Args);
        Assert.Equal(identity.Container.Image, migration.Container.Image);
        Assert.Contains("Username=authmesh;", ConnectionOf(migration), StringComparison.Ordinal);
        Assert.Contains("Username=authmesh_service;", ConnectionOf(identity), StringComparison.Ordinal);
        Assert.Null(migration.Spec.ServiceAccountName); // the chart's own does not exist yet
        var policy = manifests.All.OfType<V1NetworkPolicy>().Single(policy => migration.IsSelectedBy(policy.Spec.PodSelector.MatchLabels));
        Assert.Equal("-1", policy.Metadata.Annotations["helm.sh/hook-weight"]); // before the Job
    }

    [Fact]
    public async Task A_gateway_that_ends_TLS_has_the_certificate_and_listens_for_https()
    {
        var pod = (await Helm.RenderAsync("load-balancer.yaml")).Pods.Single(pod => pod.Component == "gateway");

        Assert.Equal("https://+:8443;http://+:8080", pod.Environment["ASPNETCORE_URLS"]);
        Assert.Equal(8443, pod.Container.Ports.Single(port => port.Name == "https").ContainerPort);
        Assert.Equal("authmesh-gateway.accounts", pod.Environment["Gateway__AllowedHosts__0"]);
        Assert.Equal(
            [("Gateway__Tls__CertificateFile", "tls.crt"), ("Gateway__Tls__KeyFile", "tls.key")],
            Assert.Single(pod.Spec.Volumes).Projected.Sources.Where(source => source.Secret.Name == "auth-example-com-tls")
                .Select(source => (Assert.Single(source.Secret.Items).Path, source.Secret.Items[0].Key)));
    }

    private static string ConnectionOf(Pod pod) => pod.Environment["Identity__Database__ConnectionString"];

    private static IEnumerable<string> Each(string kind, params string[] components) => components.Select(name => $"{kind} {name}");

    private static IEnumerable<string> Names(Manifests manifests) => manifests.All
        .Select(one => $"{one.Kind} {one.Metadata.Name[Helm.Release.Length..].TrimStart('-')}".TrimEnd()).Order(StringComparer.Ordinal);
}
