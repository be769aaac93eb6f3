using AuthMesh.LocalMesh;
using AuthMesh.TestMesh;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Pages;

/// <summary>Classes about the pages. One class runs at a time, on one mesh and with one browser.</summary>
[CollectionDefinition]
public sealed class OnPages : ICollectionFixture<PagesMesh>, ICollectionFixture<Chromium>;

/// <summary>A mesh whose issuer is the address that a browser opens, so that cookies and passkeys work.</summary>
public sealed class PagesMesh(ProductionMesh production) : IAsyncLifetime
{
    public const string Password = "a password for a test";

    public Mesh Mesh { get; private set; } = null!;

    public Caller Gateway { get; private set; } = null!;

    public Database Database { get; private set; } = null!;

    public string Origin => Mesh.Gateway.Address.GetLeftPart(UriPartial.Authority);

    public async ValueTask InitializeAsync()
    {
        Mesh = await Mesh.StartAsync(new MeshOptions
        {
            ConnectionString = await production.Postgres.CreateDatabaseAsync(),
            IdentitySettings = Unthrottled.WithCheapHashes,
        });
        Gateway = new Caller(Mesh.Gateway.Address);
        Database = new Database(Mesh.ConnectionString);
    }

    /// <summary>Somebody who has not signed in.</summary>
    public Visitor Visit() => new(Gateway, Origin);

    /// <summary>Somebody who has just signed up, and is signed in.</summary>
    public async Task<(Visitor Visitor, string Username)> SignUpAsync()
    {
        var (visitor, username) = (Visit(), ProductionMesh.NewName());
        var answer = await visitor.PostAsync("/signup", ("username", username), ("password", Password));
        Assert.Equal((303, "/me?done=signed-up"), (answer.Status, answer.Header("Location")));
        return (visitor, username);
    }

    public async ValueTask DisposeAsync()
    {
        Gateway?.Dispose();
        if (Mesh is not null)
        {
            await Mesh.DisposeAsync();
        }
    }
}
