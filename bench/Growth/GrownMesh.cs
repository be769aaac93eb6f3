using System.Net.Http.Json;
using System.Security.Cryptography;
using AuthMesh.Bench.Sessions;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.LocalMesh;
using AuthMesh.TestMesh;
using Npgsql;

namespace AuthMesh.Bench.Growth;

/// <summary>A mesh with a given number of users and sessions. Some users have a password that the benchmark knows.</summary>
internal sealed class GrownMesh : IAsyncDisposable
{
    private const string Password = "a password for a benchmark";
    private const int WithPassword = 1_000;

    private readonly Mesh mesh;
    private readonly NpgsqlDataSource database;
    private readonly HttpClient http;
    private readonly string[] usernames;

    private GrownMesh(Mesh mesh, NpgsqlDataSource database, Rotatable sessions, string[] usernames)
    {
        (this.mesh, this.database, Sessions, this.usernames) = (mesh, database, sessions, usernames);
        http = new HttpClient(new SocketsHttpHandler { UseCookies = false, UseProxy = false }) { BaseAddress = mesh.Gateway.Address };
    }

    public Mesh Mesh => mesh;

    public Rotatable Sessions { get; }

    public static async Task<GrownMesh> StartAsync(int size, CancellationToken cancellation)
    {
        var masterKey = Rotatable.NewMasterKey();
        var settings = new Dictionary<string,
            string>(Unthrottled.WithCheapHashes)
        { ["Identity:MasterKey"] = Convert.ToBase64String(masterKey) };
        var mesh = await Mesh.StartAsync(new MeshOptions { IdentitySettings = settings }, cancellation);
        var connection = new DatabaseOptions { ConnectionString = mesh.ConnectionString }.ReadHosts()[0].ConnectionString;
        var database = NpgsqlDataSource.Create(connection);
        var sessions = await Rotatable.CreateAsync(database, connection, masterKey, size, cancellation);
        var grown = new GrownMesh(
            mesh, database, sessions,
            [.. Enumerable.Range(0, WithPassword).Select(_ => $"rotatable-{RandomNumberGenerator.GetInt32(1, size + 1)}")]);
        await grown.GivePasswordsAsync(cancellation);
        return grown;
    }

    /// <summary>Signs a random user in.</summary>
    public async Task SignInAsync(CancellationToken cancellation)
    {
        using var answer = await http.PostAsJsonAsync(
            "/login", new { username = usernames[RandomNumberGenerator.GetInt32(usernames.Length)], password = Password }, cancellation);
        answer.EnsureSuccessStatusCode();
    }

    public async ValueTask DisposeAsync()
    {
        http.Dispose();
        await database.DisposeAsync();
        await mesh.DisposeAsync();
    }

    // A hash is not bound to its user, so one hash from the service works for all.
    private async Task GivePasswordsAsync(CancellationToken cancellation)
    {
        var template = $"template-{Guid.NewGuid():N}";
        using var answer = await http.PostAsJsonAsync("/register", new { username = template, password = Password }, cancellation);
        answer.EnsureSuccessStatusCode();
        await using var give = database.CreateCommand(
            "UPDATE users SET password_hash = (SELECT password_hash FROM users WHERE normalized_username = $1) WHERE normalized_username = "
            + "ANY ($2)");
        give.Parameters.Add(new NpgsqlParameter<string> { TypedValue = template });
        give.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = usernames });
        await give.ExecuteNonQueryAsync(cancellation);
    }
}
