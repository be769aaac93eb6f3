using AuthMesh.LocalMesh;
using AuthMesh.TestMesh;

namespace AuthMesh.Tests.Harness;

/// <summary>Classes that need the quick start's mesh. One class runs at a time.</summary>
[CollectionDefinition]
public sealed class OnDevelopmentMesh : ICollectionFixture<DevelopmentMesh>;

/// <summary>The mesh of the quick start: Development with demo users and the default throttling limits.</summary>
public sealed class DevelopmentMesh(ProductionMesh production) : IAsyncLifetime
{
    public Mesh Mesh { get; private set; } = null!;

    public string Server => Mesh.Gateway.Address.GetLeftPart(UriPartial.Authority);

    public async ValueTask InitializeAsync() => Mesh = await Mesh.StartAsync(new MeshOptions
    {
        Start = WithinThisProcess.StartAsync,
        DemoUsers = true,
        ConnectionString = await production.Postgres.CreateDatabaseAsync(),
        IdentitySettings = new Dictionary<string, string> { ["Identity:Hashing:WorkFactor"] = "4" },
    });

    public async ValueTask DisposeAsync()
    {
        if (Mesh is not null)
        {
            await Mesh.DisposeAsync();
        }
    }
}
