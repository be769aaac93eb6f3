using AuthMesh.LocalMesh;
using AuthMesh.TestMesh;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Faults;

/// <summary>Classes that stop parts of one mesh, one class at a time.</summary>
[CollectionDefinition]
public sealed class OnOwnMesh : ICollectionFixture<OwnMesh>;

/// <summary>
/// A mesh with its own PostgreSQL. A test may stop every part. Each test begins with <see cref="WholeAsync"/>.
/// </summary>
public sealed class OwnMesh : IAsyncLifetime
{
    private readonly string folder = Directory.CreateTempSubdirectory("authmesh-tests-").FullName;

    public Mesh Mesh { get; private set; } = null!;

    public IPostgres Postgres => Mesh.Postgres!;

    public Caller Gateway { get; private set; } = null!;

    public Caller Identity { get; private set; } = null!;

    public Caller Resource { get; private set; } = null!;

    public Database Database { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Mesh = await Mesh.StartAsync(InProduction.Options with
        {
            Settings = new Dictionary<string, string>(InProduction.Options.Settings)
            {
                ["AuthMesh:KeyRefreshInterval"] = "00:00:01", // so that a key refresh happens during an outage
            },
            IdentitySettings = new Dictionary<string, string>(Unthrottled.WithCheapHashes)
            {
                ["Identity:FirstAdmin:GeneratedPasswordFile"] = Path.Combine(folder, "admin-password"),
            },
        });
        Gateway = new Caller(Mesh.Gateway);
        Identity = new Caller(Mesh.Identity);
        Resource = new Caller(Mesh.Resource);
        // Without a pool, because a pooled connection from before a crash would fail the test.
        Database = new Database(Mesh.ConnectionString + ";Pooling=false");
    }

    /// <summary>Starts the parts that an earlier test left stopped, so that one failure does not cause others.</summary>
    public async Task WholeAsync()
    {
        if (Postgres.Exited.IsCompleted)
        {
            await Postgres.StartAgainAsync();
        }

        foreach (var service in Mesh.Services.Where(service => service.Exited.IsCompleted))
        {
            await service.RestartAsync();
        }

        foreach (var service in Mesh.Services)
        {
            await service.WaitUntilReadyAsync(cancellation: TestContext.Current.CancellationToken);
        }
    }

    /// <summary>Registers a new user, as soon as that works, and signs in.</summary>
    public async Task<(string Username, string Password, string Token)> SignUpAsync()
    {
        var (username, password) = (ProductionMesh.NewName(), "a password for a test");
        await Patience.UntilAsync(() => Gateway.RegisterAsync(username, password), answer => answer.Status == 200);
        return (username, password, await Gateway.TokenAsync(username, password));
    }

    public async ValueTask DisposeAsync()
    {
        Gateway?.Dispose();
        Identity?.Dispose();
        Resource?.Dispose();
        if (Mesh is not null)
        {
            await Mesh.DisposeAsync();
        }

        Directory.Delete(folder, recursive: true);
    }
}
