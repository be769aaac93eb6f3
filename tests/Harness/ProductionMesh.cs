using System.Security.Cryptography;
using AuthMesh.LocalMesh;
using AuthMesh.TestMesh;

namespace AuthMesh.Tests.Harness;

/// <summary>
/// The mesh that most tests use: Production, its own secrets, an https issuer, no demo users. Started once for the run.
/// </summary>
public sealed class ProductionMesh : IAsyncLifetime
{
    public const string Issuer = InProduction.Issuer;
    public const string ServiceKey = InProduction.ServiceKey;
    public const string AdminPassword = "the first admin's password";

    /// <summary>The minimum, because the suite signs in hundreds of times while all cores are busy. One test pins the default.</summary>
    public const string WorkFactor = "4";

    private readonly string folder = Directory.CreateTempSubdirectory("authmesh-tests-").FullName;
    private Mesh mesh = null!;

    /// <summary>The server on which other meshes of the run create their own databases.</summary>
    public TestPostgres Postgres { get; } = new();

    public Mesh Mesh => mesh;

    public Caller Gateway { get; private set; } = null!;

    public Caller Identity { get; private set; } = null!;

    public Caller Resource { get; private set; } = null!;

    public Database Database { get; private set; } = null!;

    /// <summary>The mails that the mesh sends.</summary>
    public MailFolder Mails { get; private set; } = null!;

    public Echo Echo { get; } = new();

    internal Forge Forge { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        var masterKey = RandomNumberGenerator.GetBytes(32);
        var passwordFile = Path.Combine(folder, "admin-password");
        await File.WriteAllTextAsync(passwordFile, AdminPassword + "\n");
        await Postgres.InitializeAsync();
        await Echo.StartAsync();

        var settings = new Dictionary<string, string>(Unthrottled.Settings)
        {
            ["Identity:MasterKey"] = Convert.ToBase64String(masterKey),
            ["Identity:FirstAdmin:PasswordFile"] = passwordFile,
            ["Identity:Hashing:WorkFactor"] = WorkFactor,
            ["Identity:BackchannelLogout:AllowedNetworks:0"] = Loopback.Address.ToString(), // where the applications of tests are told
        };
        mesh = await Mesh.StartAsync(
            InProduction.On(await Postgres.CreateEmptyDatabaseAsync(), settings) with
            {
                Start = WithinThisProcess.StartAsync,
                GatewaySettings = Echo.RouteSettings(),
                WritesMails = true,
            });
        Gateway = new Caller(mesh.Gateway);
        Identity = new Caller(mesh.Identity);
        Resource = new Caller(mesh.Resource);
        Database = new Database(mesh.ConnectionString);
        Mails = new MailFolder(mesh.MailFolder);
        Forge = await Forge.OpenAsync(Database, masterKey);
    }

    /// <summary>Registers a new user and signs in.</summary>
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
