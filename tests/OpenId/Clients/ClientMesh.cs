using System.Net.Http.Json;
using AuthMesh.LocalMesh;
using AuthMesh.LocalMesh.Processes;
using AuthMesh.TestMesh;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Pages;

namespace AuthMesh.Tests.OpenId.Clients;

/// <summary>Classes about clients of others. One class runs at a time, on one mesh.</summary>
[CollectionDefinition]
public sealed class OnClientMesh : ICollectionFixture<ClientMesh>, ICollectionFixture<Chromium>;

/// <summary>A mesh that is the OpenID provider of applications, each on its own port of localhost.</summary>
public sealed class ClientMesh(ProductionMesh production) : IAsyncLifetime
{
    public const string Username = "alice", Password = "password123";

    /// <summary>The scopes that a team's own application asks for. Its session ends with the sign-in.</summary>
    public const string Scope = "openid profile email mesh";

    /// <summary>The scopes of an application whose session goes on after the sign-in.</summary>
    public const string OfflineScope = Scope + " offline_access";

    private Mesh mesh = null!;

    public Caller Gateway { get; private set; } = null!;

    /// <summary>The origin of the gateway, where browsers and clients find the provider.</summary>
    public string Issuer => mesh.Gateway.Address.GetLeftPart(UriPartial.Authority);

    /// <summary>The origin of the single-page application, whose calls the gateway has to answer across origins.</summary>
    public string SinglePageOrigin { get; } = FreeOrigin();

    public async ValueTask InitializeAsync()
    {
        mesh = await Mesh.StartAsync(new MeshOptions
        {
            Start = WithinThisProcess.StartAsync,
            ConnectionString = await production.Postgres.CreateDatabaseAsync(),
            DemoUsers = true,
            IdentitySettings = Unthrottled.WithCheapHashes,
            GatewaySettings = new Dictionary<string, string> { ["Gateway:CorsOrigins:0"] = SinglePageOrigin },
        });
        Gateway = new Caller(mesh.Gateway);
    }

    /// <summary>An origin of localhost that nothing listens on.</summary>
    public static string FreeOrigin() => $"http://localhost:{Ports.Free()}";

    /// <summary>Registers a first-party application that needs no consent.</summary>
    /// <param name="kind"><c>spa</c> or <c>web</c>.</param>
    /// <param name="redirectUri">Where the answer to an authorization request goes.</param>
    /// <param name="afterSignOut">Where the browser goes after a sign-out, if the application asks for that.</param>
    internal async Task<RegisteredClient> RegisterAsync(string kind, string redirectUri, string? afterSignOut = null)
    {
        var clientId = $"{kind}-{Guid.NewGuid():N}"[..16];
        var admin = await Gateway.TokenAsync("admin", "admin123");
        var answer = await Gateway.SendAsync(
            HttpMethod.Post, "/applications",
            JsonContent.Create(new
            {
                client_id = clientId,
                kind,
                name = "A client of others",
                first_party = true,
                scopes = OfflineScope.Split(' '),
                redirect_uris = new[] { redirectUri },
                post_logout_redirect_uris = afterSignOut is null ? [] : new[] { afterSignOut },
                require_consent = false,
            }),
            request => request.Headers.Authorization = new("Bearer", admin));
        Assert.Equal(201, answer.Status);
        return new RegisteredClient(clientId, answer.Member("client_secret"));
    }

    public async ValueTask DisposeAsync()
    {
        Gateway?.Dispose();
        if (mesh is not null)
        {
            await mesh.DisposeAsync();
        }
    }
}

/// <summary>An application as its developer gets it from an admin.</summary>
/// <param name="Id">The <c>client_id</c>.</param>
/// <param name="Secret">Null for a public client.</param>
internal sealed record RegisteredClient(string Id, string? Secret);
