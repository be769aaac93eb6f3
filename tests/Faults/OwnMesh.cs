using AuthMesh.LocalMesh;
using AuthMesh.Tests.Harness;
using Unthrottled = AuthMesh.Bench.Unthrottled;

namespace AuthMesh.Tests.Faults;

/// <summary>
/// Classes that start meshes and services of their own take turns: all at once they would starve each other on a small machine.
/// </summary>
[CollectionDefinition]
public sealed class TakingTurns : ICollectionFixture<OwnMesh>;

/// <summary>
/// A mesh with a PostgreSQL of its own, every part of which a test may stop. Each test begins with <see cref="WholeAsync"/>.
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
        Mesh = await Mesh.StartAsync(new MeshOptions
        {
            Environment = "Production",
            Issuer = ProductionMesh.Issuer,
            Settings = new Dictionary<string, string>
            {
                ["AuthMesh:ServiceKey"] = ProductionMesh.ServiceKey,
                ["AuthMesh:KeyRefreshInterval"] = "00:00:01", // an outage meets a refresh
                ["Logging:LogLevel:Microsoft.AspNetCore"] = "Information", // as operators do who look for a fault
                ["Logging:LogLevel:Microsoft.AspNetCore.Hosting.Diagnostics"] = "Trace",
                ["Logging:LogLevel:Yarp.ReverseProxy.Forwarder.HttpForwarder"] = "Trace",
            },
            IdentitySettings = new Dictionary<string, string>(Unthrottled.Settings)
            {
                ["Identity:FirstAdmin:GeneratedPasswordFile"] = Path.Combine(folder, "admin-password"),
                ["Identity:Hashing:WorkFactor"] = "4",
            },
        });
        Gateway = new Caller(Mesh.Gateway.Address);
        Identity = new Caller(Mesh.Identity.Address);
        Resource = new Caller(Mesh.Resource.Address);
        // Without a pool: a connection from before a crash would fail the test instead of the product.
        Database = new Database(Mesh.ConnectionString + ";Pooling=false");
    }

    /// <summary>Starts whatever an earlier test left stopped, so that one failure is not many.</summary>
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

    /// <summary>Registers somebody new and signs in, as soon as that works.</summary>
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
