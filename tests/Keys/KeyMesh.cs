using AuthMesh.LocalMesh;
using AuthMesh.TestMesh;
using AuthMesh.Tests.Faults;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;

namespace AuthMesh.Tests.Keys;

/// <summary>A mesh on its own database, whose signing keys rotate.</summary>
internal sealed class KeyMesh : IAsyncDisposable
{
    private KeyMesh(OwnDatabase own, Mesh mesh)
    {
        (Own, Mesh) = (own, mesh);
        Identities = [.. mesh.Identities.Select(service => new Caller(service))];
        Gateways = [.. mesh.Gateways.Select(service => new Caller(service))];
        Verifiers = [.. mesh.Resources.Select(service => new Caller(service)), .. Gateways];
    }

    public OwnDatabase Own { get; }

    public Database Database => Own.Database;

    public Mesh Mesh { get; }

    public IReadOnlyList<Caller> Identities { get; }

    /// <summary>Every gateway and every resource service.</summary>
    public IReadOnlyList<Caller> Verifiers { get; }

    public IReadOnlyList<Caller> Gateways { get; }

    public Caller Gateway => Gateways[0];

    public static async Task<KeyMesh> StartAsync(
        ProductionMesh production, Dictionary<string, string> keys, int identities = 2, int resources = 1, int gateways = 1,
        bool asProcesses = false)
    {
        var own = await OwnDatabase.CreateAsync(production);
        foreach (var (name, value) in keys)
        {
            own.Settings["Identity:Keys:" + name] = value;
        }

        var mesh = await Mesh.StartAsync(
            InProduction.On(own.Database.ConnectionString, own.Settings) with
            {
                Start = asProcesses ? null : WithinThisProcess.StartAsync,
                IdentityReplicas = identities,
                ResourceReplicas = resources,
                GatewayReplicas = gateways,
            },
            TestContext.Current.CancellationToken);
        return new KeyMesh(own, mesh);
    }

    /// <summary>The id of the stored key that signs.</summary>
    public Task<string> SigningKeyAsync() =>
        Database.ScalarAsync<string>("SELECT id FROM ring_keys WHERE purpose = 'Signing' AND state = 'Current'");

    /// <summary>Registers a new user and returns their token.</summary>
    public async Task<string> SignUpAsync() => (await Gateway.SignUpAsync()).Token;

    /// <summary>Waits until a key other than this one signs.</summary>
    /// <returns>The new key.</returns>
    public Task<string> UntilRotatedAsync(string from) => Patience.UntilAsync(SigningKeyAsync, key => key != from);

    public async Task AssertAcceptedEverywhereAsync(string token)
    {
        foreach (var verifier in Verifiers)
        {
            Assert.Equal(200, (await verifier.GetAsync("/protected", token)).Status);
        }
    }

    /// <summary>How often each identity service logged a line with these words.</summary>
    public IEnumerable<int> TimesLogged(string words) =>
        Mesh.Identities.Select(identity => identity.Output.Split('\n').Count(line => line.Contains(words, StringComparison.Ordinal)));

    public async ValueTask DisposeAsync()
    {
        foreach (var caller in Identities.Concat(Verifiers))
        {
            caller.Dispose();
        }

        await Mesh.DisposeAsync();
        await Own.DisposeAsync();
    }
}
