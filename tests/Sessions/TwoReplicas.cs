using AuthMesh.LocalMesh;
using AuthMesh.TestMesh;
using AuthMesh.Tests.Faults;
using AuthMesh.Tests.Harness;
using Microsoft.IdentityModel.JsonWebTokens;

namespace AuthMesh.Tests.Sessions;

/// <summary>Classes with races between two replicas on one mesh. One class runs at a time, because some disable every admin.</summary>
[CollectionDefinition]
public sealed class OnTwoReplicas : ICollectionFixture<TwoReplicas>;

/// <summary>Two identity services on one database. Each must see what the other does.</summary>
public sealed class TwoReplicas(ProductionMesh production) : IAsyncLifetime
{
    private OwnDatabase own = null!;
    private Mesh mesh = null!;
    private Caller[] replicas = [];

    public Database Database => own.Database;

    public Caller Gateway { get; private set; } = null!;

    /// <summary>Alternates between the replicas.</summary>
    public Caller Replica(int i) => replicas[i % replicas.Length];

    public async ValueTask InitializeAsync()
    {
        own = await OwnDatabase.CreateAsync(production);
        // With a replica's usual number of connections.
        own.Settings["Identity:Database:ConnectionString"] = own.Database.ConnectionString;
        own.Settings["Identity:BackchannelLogout:AllowedNetworks:0"] = Loopback.Address.ToString();
        mesh = await Mesh.StartAsync(InProduction.On(own.Database.ConnectionString, own.Settings) with
        {
            Start = WithinThisProcess.StartAsync,
            IdentityReplicas = 2,
        });
        Gateway = new Caller(mesh.Gateway);
        replicas = [.. mesh.Identities.Select(replica => new Caller(replica))];
    }

    public async Task RestartAsync(int replica)
    {
        await mesh.Identities[replica].StopAsync();
        await mesh.Identities[replica].RestartAsync();
        await mesh.Identities[replica].WaitUntilReadyAsync(cancellation: TestContext.Current.CancellationToken);
    }

    /// <summary>Adds many users at once, all with the tests' common password.</summary>
    /// <returns>Their names.</returns>
    public async Task<IReadOnlyList<string>> AddUsersAsync(int count, string role = "user")
    {
        var template = (await Replica(0).SignUpAsync()).UserId;
        var names = Enumerable.Range(0, count).Select(_ => ProductionMesh.NewName()).ToArray();
        await Database.ExecuteAsync(
            """
            INSERT INTO users (id, username, normalized_username, password_hash, role, epoch, is_demo, created_at)
            SELECT gen_random_uuid(), name, name, password_hash, $3, 0, false, now() FROM users, unnest($2) name WHERE id = $1
            """,
            template, names, role);
        return names;
    }

    /// <summary>
    /// Asserts that no token in these answers works: every refresh token is refused, and the revocation log tells every verifier to
    /// refuse every access token.
    /// </summary>
    public async Task AssertNothingIsUsableAsync(IEnumerable<Answer> handedOut)
    {
        foreach (var answer in handedOut.Where(answer => answer.Status == 200))
        {
            (await Replica(0).RefreshAsync(answer.RefreshToken())).AssertError(401, "invalid_refresh_token");
            Assert.True(await Database.IsRevokedAsync(new JsonWebToken(answer.Token)));
        }
    }

    public async ValueTask DisposeAsync()
    {
        Gateway?.Dispose();
        foreach (var replica in replicas)
        {
            replica.Dispose();
        }

        if (mesh is not null)
        {
            await mesh.DisposeAsync();
        }

        await own.DisposeAsync();
    }
}
