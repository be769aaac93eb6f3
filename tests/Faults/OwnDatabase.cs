using System.Security.Cryptography;
using AuthMesh.LocalMesh;
using AuthMesh.TestMesh;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Faults;

/// <summary>
/// A database without users and a folder for secrets, for identity services that run without any other service.
/// </summary>
internal sealed class OwnDatabase : IAsyncDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("authmesh-tests-").FullName;

    private OwnDatabase(string connectionString)
    {
        Database = new Database(connectionString);
        Settings = new(Unthrottled.WithCheapHashes)
        {
            ["AuthMesh:Issuer"] = ProductionMesh.Issuer,
            ["AuthMesh:ServiceKey"] = ProductionMesh.ServiceKey,
            ["Identity:Database:ConnectionString"] = connectionString + ";Maximum Pool Size=5",
            ["Identity:MasterKey"] = NewMasterKey(),
            ["Identity:FirstAdmin:GeneratedPasswordFile"] = FileIn("generated-password"),
        };
    }

    public Database Database { get; }

    /// <summary>The settings of the next service or command.</summary>
    public Dictionary<string, string> Settings { get; }

    public static async Task<OwnDatabase> CreateAsync(ProductionMesh mesh) => new(await mesh.Postgres.CreateDatabaseAsync());

    /// <summary>Creates one without even the schema.</summary>
    public static async Task<OwnDatabase> CreateEmptyAsync(ProductionMesh mesh) => new(await mesh.Postgres.CreateEmptyDatabaseAsync());

    public static string NewMasterKey() => Convert.ToBase64String(RandomNumberGenerator.GetBytes(32));

    public string FileIn(string name) => Path.Combine(folder, name);

    public Task<ServiceProcess> StartAsync(string environment = "Production") =>
        ServiceProcess.StartAsync("identity-service", Settings, environment, start: WithinThisProcess.StartAsync);

    /// <summary>Runs a service or a command that must exit by itself.</summary>
    public async Task<Finished> RunAsync(string environment, params string[] arguments)
    {
        var settings = new Dictionary<string, string>(Settings) { ["environment"] = environment, ["urls"] = Loopback.Origin(0) };
        var (exitCode, output, errors) = await WithinThisProcess.RunAsync(Checkout.Dll("identity-service"), settings, arguments)
            .WaitAsync(TimeSpan.FromMinutes(2), TestContext.Current.CancellationToken);
        return new Finished(exitCode, output, errors);
    }

    /// <summary>Every row and column of a table as text, so that a change of one byte shows.</summary>
    public Task<string> DumpAsync(string table) =>
        Database.ScalarAsync<string>($"SELECT coalesce(string_agg(t::text, E'\\n' ORDER BY t::text), '') FROM {table} t");

    public ValueTask DisposeAsync()
    {
        Directory.Delete(folder, recursive: true);
        return ValueTask.CompletedTask;
    }
}
