using System.Collections.Concurrent;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Kubernetes;

/// <summary>Runs Helm on the chart in <c>deploy/helm</c>. It never talks to a cluster.</summary>
internal static class Helm
{
    public const string Release = "authmesh";
    public const string Namespace = "accounts";

    private static readonly string Chart = Path.Combine(Checkout.Root, "deploy/helm/authmesh");

    private static readonly ConcurrentDictionary<string, Lazy<Task<Manifests>>> Rendered = new();

    private static readonly string Program = Environment.GetEnvironmentVariable("AUTHMESH_HELM")
        ?? Directory.GetFiles(Path.Combine(Checkout.Root, "tests/bin"), "helm", SearchOption.AllDirectories).FirstOrDefault("helm");

    /// <summary>The names of the files in <c>deploy/helm/examples</c>.</summary>
    public static IReadOnlyList<string> Examples { get; } =
        [.. Directory.GetFiles(PathOf("")).Select(file => Path.GetFileName(file)).Order(StringComparer.Ordinal)];

    /// <summary>The manifests of an example, read strictly. Rendered once in a run.</summary>
    public static Task<Manifests> RenderAsync(string example) => Rendered.GetOrAdd(example, name => new(async () =>
    {
        var done = await TemplateAsync(name);
        done.AssertExited(0);
        return Manifests.Read(done.Output);
    })).Value;

    /// <param name="example">The values.</param>
    /// <param name="changes">Other values: <c>gateway.replicas=3</c>.</param>
    public static Task<Finished> TemplateAsync(string example, params string[] changes) =>
        TemplateAsync(
            PathOf(example),
            changes.SelectMany(change => new[] { change.EndsWith("=[]", StringComparison.Ordinal) ? "--set-json" : "--set", change }));

    /// <param name="example">The values.</param>
    /// <param name="files">Files with other values.</param>
    public static Task<Finished> TemplateWithFilesAsync(string example, IEnumerable<string> files) =>
        TemplateAsync(PathOf(example), files.SelectMany(file => new[] { "--values", file }));

    public static Task<Finished> LintAsync(string example) => RunAsync(["lint", "--strict", Chart, "--values", PathOf(example)]);

    private static Task<Finished> TemplateAsync(string values, IEnumerable<string> more) =>
        RunAsync(["template", Release, Chart, "--namespace", Namespace, "--values", values, .. more]);

    private static string PathOf(string example) => Path.Combine(Checkout.Root, "deploy/helm/examples", example);

    private static async Task<Finished> RunAsync(IReadOnlyList<string> arguments)
    {
        Assert.True(File.Exists(Program), $"{Program} is missing. tests/ensure-helm.sh installs it, or says what to install.");
        var folder = Directory.CreateTempSubdirectory("authmesh-tests-");
        try
        {
            // Without a file of its own, a Kubernetes client would talk to a cluster of this machine's user.
            var kubeconfig = Path.Combine(folder.FullName, "kubeconfig");
            await File.WriteAllTextAsync(kubeconfig, "", TestContext.Current.CancellationToken);
            return await Finished.RunAsync(
                [Program, .. arguments],
                new Dictionary<string, string> { ["KUBECONFIG"] = kubeconfig, ["HOME"] = folder.FullName });
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
