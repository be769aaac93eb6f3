using System.Text.RegularExpressions;
using AuthMesh.Tests.Harness;
using k8s;
using k8s.Models;

namespace AuthMesh.Tests.Kubernetes;

/// <summary>docs/operations/kubernetes.md fits the chart.</summary>
public sealed partial class KubernetesPageTests
{
    private static readonly string Page = File.ReadAllText(Path.Combine(Checkout.Root, "docs/operations/kubernetes.md"));

    private static readonly List<string> Blocks = [.. Block().Matches(Page).Select(match => match.Groups[1].Value)];

    [Fact]
    public void The_page_names_exactly_the_examples() => Assert.Equal(
        Helm.Examples, Row().Matches(Page).Select(match => match.Groups[1].Value).Order(StringComparer.Ordinal));

    [Fact]
    public async Task The_values_of_the_page_render()
    {
        var folder = Directory.CreateTempSubdirectory("authmesh-tests-");
        var files = Blocks.Where(block => !block.StartsWith("apiVersion:", StringComparison.Ordinal)).Select((block, index) =>
        {
            var file = Path.Combine(folder.FullName, $"{index}.yaml");
            File.WriteAllText(file, block);
            return file;
        }).ToList();
        Assert.Equal(2, files.Count);

        var done = await Helm.TemplateWithFilesAsync("smallest.yaml", files);

        folder.Delete(recursive: true);
        done.AssertExited(0);
        Assert.Contains("Identity__Mail__PasswordFile", done.Output, StringComparison.Ordinal);
        Assert.Contains("ReverseProxy__Routes__own-notes-all__Match__Path", done.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_policy_of_the_page_admits_the_pods_that_need_PostgreSQL()
    {
        var policy = KubernetesYaml.Deserialize<V1NetworkPolicy>(Blocks.Single(IsOf("NetworkPolicy")), strict: true);
        var manifests = await Helm.RenderAsync("cloudnative-pg.yaml");

        var admitted = policy.Spec.Ingress.SelectMany(rule => rule.FromProperty).Where(peer => peer.NamespaceSelector is null).ToList();

        Assert.Equal(
            ["identity-service", "migration"],
            manifests.Pods.Where(pod => admitted.Any(peer => pod.IsSelectedBy(peer.PodSelector.MatchLabels))).Select(pod => pod.Component)
                .Order(StringComparer.Ordinal));
        Assert.Equal(Helm.Namespace, policy.Metadata.NamespaceProperty);
    }

    [Fact]
    public async Task The_cluster_of_the_page_has_the_names_of_the_example()
    {
        var cluster = Blocks.Single(IsOf("Cluster"));
        var name = Name().Match(cluster).Groups[1].Value;
        var manifests = await Helm.RenderAsync("cloudnative-pg.yaml");
        var identity = manifests.Pods.Single(pod => pod.Component == "identity-service");
        var migration = manifests.Pods.Single(pod => pod.Component == "migration");

        Assert.All([identity, migration], pod => Assert.StartsWith(
            $"Host={name}-rw;Database=authmesh;", pod.Environment["Identity__Database__ConnectionString"], StringComparison.Ordinal));
        // CloudNativePG makes the Secrets of the owner and of the certificate authority. The other role has the one that the page names.
        Assert.Equal(
            [$"{name}-ca", $"{name}-service"], SecretsOf(identity).Where(secret => secret.StartsWith(name, StringComparison.Ordinal)));
        Assert.Equal(
            [$"{name}-app", $"{name}-ca"], SecretsOf(migration).Where(secret => secret.StartsWith(name, StringComparison.Ordinal)));
        Assert.Contains($"passwordSecret: {{ name: {name}-service }}", cluster, StringComparison.Ordinal);
        Assert.Contains("database: authmesh\n", cluster, StringComparison.Ordinal);
        Assert.Contains("owner: authmesh #", cluster, StringComparison.Ordinal);
        Assert.Contains("name: authmesh_service\n", cluster, StringComparison.Ordinal);
    }

    private static Func<string, bool> IsOf(string kind) => block => block.Contains($"kind: {kind}\n", StringComparison.Ordinal);

    private static IEnumerable<string> SecretsOf(Pod pod) =>
        pod.Spec.Volumes.Single().Projected.Sources.Select(source => source.Secret.Name).Order(StringComparer.Ordinal);

    [GeneratedRegex("^```yaml\n(.*?)^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Block();

    [GeneratedRegex(@"^\| `([\w-]+\.yaml)` \|", RegexOptions.Multiline)]
    private static partial Regex Row();

    [GeneratedRegex(@"^  name: (\S+)$", RegexOptions.Multiline)]
    private static partial Regex Name();
}
