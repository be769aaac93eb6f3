using System.Security.Cryptography;
using AuthMesh.LocalMesh;
using Unthrottled = AuthMesh.Bench.Unthrottled;

namespace AuthMesh.Tests.Harness;

/// <summary>
/// The mesh that most tests talk to: Production, secrets of its own, an https issuer, no demo users. Started once for the run.
/// </summary>
public sealed class ProductionMesh : IAsyncLifetime
{
    public const string Issuer = "https://auth.example.test";
    public const string ServiceKey = "a-service-key-for-tests-long-enough";
    public const string AdminPassword = "the first admin's password";

    /// <summary>The least: the suite signs in hundreds of times, while all cores are busy. One test pins the default.</summary>
    public const string WorkFactor = "4";

    private readonly string folder = Directory.CreateTempSubdirectory("authmesh-tests-").FullName;
    private Mesh mesh = null!;

    /// <summary>Where other meshes of the run get databases of their own.</summary>
    public TestPostgres Postgres { get; } = new();

    public Mesh Mesh => mesh;

    public Caller Gateway { get; private set; } = null!;

    public Caller Identity { get; private set; } = null!;

    public Caller Resource { get; private set; } = null!;

    public Database Database { get; private set; } = null!;

    public Echo Echo { get; } = new();

    internal Forge Forge { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        var masterKey = RandomNumberGenerator.GetBytes(32);
        var passwordFile = Path.Combine(folder, "admin-password");
        await File.WriteAllTextAsync(passwordFile, AdminPassword + "\n");
        await Postgres.InitializeAsync();
        await Echo.StartAsync();

        mesh = await Mesh.StartAsync(new MeshOptions
        {
            Environment = "Production",
            Issuer = Issuer,
            ConnectionString = await Postgres.CreateDatabaseAsync(),
            Settings = new Dictionary<string, string> { ["AuthMesh:ServiceKey"] = ServiceKey },
            IdentitySettings = new Dictionary<string, string>(Unthrottled.Settings)
            {
                ["Identity:MasterKey"] = Convert.ToBase64String(masterKey),
                ["Identity:MasterKeyFile"] = "",
                ["Identity:FirstAdmin:PasswordFile"] = passwordFile,
                ["Identity:Hashing:WorkFactor"] = WorkFactor,
            },
            GatewaySettings = Echo.RouteSettings(),
        });
        Gateway = new Caller(mesh.Gateway.Address);
        Identity = new Caller(mesh.Identity.Address);
        Resource = new Caller(mesh.Resource.Address);
        Database = new Database(mesh.ConnectionString);
        Forge = await Forge.OpenAsync(Database, masterKey);
    }

    /// <summary>Registers somebody new and signs in.</summary>
    public async Task<(string Username, string Password, string Token)> SignUpAsync()
    {
        var (username, password) = (NewName(), "a password for a test");
        Assert.Equal(200, (await Gateway.RegisterAsync(username, password)).Status);
        return (username, password, await Gateway.TokenAsync(username, password));
    }

    public Task<string> AdminTokenAsync() => Gateway.TokenAsync("admin", AdminPassword);

    public static string NewName() => "u-" + Guid.NewGuid().ToString("N")[..12];

    public async ValueTask DisposeAsync()
    {
        Gateway?.Dispose();
        Identity?.Dispose();
        Resource?.Dispose();
        if (mesh is not null)
        {
            await mesh.DisposeAsync();
        }

        await Echo.DisposeAsync();
        await Postgres.DisposeAsync();
        Directory.Delete(folder, recursive: true);
    }
}
