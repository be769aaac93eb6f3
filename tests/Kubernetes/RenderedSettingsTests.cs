using System.Security.Cryptography;
using AuthMesh.LocalMesh;
using AuthMesh.TestMesh;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Kubernetes;

/// <summary>The real services start with the variables and files of the rendered pods. The gateway has the routes of the values.</summary>
public sealed class RenderedSettingsTests(ProductionMesh production) : IDisposable
{
    // Addresses, which are others here.
    private static readonly string[] Addresses =
    [
        "AuthMesh:IdentityUrl", "AuthMesh:Http2Url", "Gateway:InnerUrl", "Identity:Database:ConnectionString",
        "Identity:Database:PasswordFile", "ASPNETCORE_ENVIRONMENT", "OTEL_EXPORTER_OTLP_ENDPOINT",
    ];

    private readonly string folder = Directory.CreateTempSubdirectory("authmesh-tests-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public async Task The_services_start_with_the_settings_of_their_pods()
    {
        var done = await Helm.TemplateAsync("ingress.yaml", "ownServices.notes.http2=false");
        done.AssertExited(0);
        var pods = Manifests.Read(done.Output).Pods.ToDictionary(pod => pod.Component);
        foreach (var (file, text) in new[]
        {
            ("AuthMesh__ServiceKeyFile", ProductionMesh.ServiceKey), ("Identity__Mail__PasswordFile", "a password"),
            ("Identity__MasterKeyFile", Convert.ToBase64String(RandomNumberGenerator.GetBytes(32))),
            ("Identity__FirstAdmin__PasswordFile", ProductionMesh.AdminPassword),
        })
        {
            await File.WriteAllTextAsync(Path.Combine(folder, file), text, TestContext.Current.CancellationToken);
        }

        var gateway = SettingsOf(pods["gateway"]);
        gateway["ReverseProxy:Clusters:own-notes:Destinations:one:Address"] = production.Echo.Address.ToString();
        await using var mesh = await Mesh.StartAsync(
            new MeshOptions
            {
                Start = WithinThisProcess.StartAsync,
                Environment = pods["gateway"].Environment["ASPNETCORE_ENVIRONMENT"],
                Issuer = pods["gateway"].Environment["AuthMesh__Issuer"],
                ConnectionString = await production.Postgres.CreateDatabaseAsync(),
                IdentitySettings = new Dictionary<string, string>(SettingsOf(pods["identity-service"]))
                {
                    ["Identity:Hashing:WorkFactor"] = ProductionMesh.WorkFactor,
                },
                ResourceSettings = SettingsOf(pods["resource-service"]),
                GatewaySettings = gateway,
            },
            TestContext.Current.CancellationToken);

        using var caller = new Caller(mesh.Gateway);
        var token = await caller.TokenAsync("admin", ProductionMesh.AdminPassword);
        Assert.Equal(200, (await caller.GetAsync("/protected", token)).Status);
        // The two routes of the service of one's own: an anonymous one, and one that demands a token.
        var notes = await Patience.UntilAsync(() => caller.GetAsync("/notes/1"), answer => answer.Status == 200);
        Assert.Equal("/notes/1", notes.Json.GetProperty("Path").GetString());
        (await caller.GetAsync("/notes/events")).AssertError(401, "missing_token");
        (await caller.PostAsync("/notes/1", new { })).AssertError(405, "method_not_allowed");
    }

    private Dictionary<string, string> SettingsOf(Pod pod) => pod.Environment
        .Select(variable => (
            Key: variable.Key.Replace("__", ":", StringComparison.Ordinal),
            Value: variable.Value.Replace("/run/authmesh", folder, StringComparison.Ordinal)))
        .Where(setting => !Addresses.Contains(setting.Key) && !IsOfInnerCluster(setting.Key))
        .ToDictionary(setting => setting.Key, setting => setting.Value);

    private static bool IsOfInnerCluster(string key) =>
        key.StartsWith("ReverseProxy:Clusters:identity:", StringComparison.Ordinal)
        || key.StartsWith("ReverseProxy:Clusters:resource:", StringComparison.Ordinal);
}
