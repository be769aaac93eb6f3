using System.Buffers.Text;
using System.Text.Json;
using AuthMesh.LocalMesh;
using AuthMesh.TestMesh;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Gateway;

/// <summary>A gateway between an identity service that a test controls and a service that echoes what arrives.</summary>
public sealed class LoneGateway : IAsyncLifetime
{
    public const string CookieName = "__Host-authmesh";

    private readonly Dictionary<string, string> settings;
    private ServiceProcess process = null!;

    public LoneGateway()
        : this([])
    {
    }

    internal LoneGateway(Dictionary<string, string> settings) => this.settings = settings;

    internal FakeIdentity Identity { get; } = new();

    public Echo Service { get; } = new();

    public Caller Caller { get; private set; } = null!;

    /// <summary>Whether it runs as a process of its own, with nothing in it that tests share.</summary>
    internal bool IsProcess { get; init; }

    /// <summary>Its port for plain http; 0 takes a free one.</summary>
    internal int Port { get; init; }

    public string Log => process.Output;

    /// <summary>The settings of the gateway, for another one.</summary>
    public IReadOnlyDictionary<string, string> Settings => process.Settings;

    public async ValueTask InitializeAsync()
    {
        Identity.Publish();
        await Identity.StartAsync();
        await Service.StartAsync();
        var all = new Dictionary<string, string>(Service.RouteSettings())
        {
            ["AuthMesh:Issuer"] = ProductionMesh.Issuer,
            ["AuthMesh:ServiceKey"] = ProductionMesh.ServiceKey,
            ["AuthMesh:IdentityUrl"] = Identity.Address.GetLeftPart(UriPartial.Authority),
            ["ReverseProxy:Clusters:identity:Destinations:one:Address"] = Identity.Address.ToString(),
            ["ReverseProxy:Clusters:resource:Destinations:one:Address"] = Service.Address.ToString(),
        };
        Route("own", "identity", "/own/{**rest}", "signed-in");
        Route("open", "resource", "/open/{**rest}", "anonymous");
        Route("services-only", "resource", "/services-only", "application:orders.read");
        all["ReverseProxy:Routes:open:Metadata:SessionCookie"] = "IfUsable";
        foreach (var (key, value) in settings)
        {
            all[key] = value;
        }

        process = await ServiceProcess.StartAsync("gateway", all, port: Port, start: IsProcess ? null : WithinThisProcess.StartAsync);
        Caller = new Caller(process.Address);
        await process.WaitUntilReadyAsync();

        void Route(string name, string cluster, string path, string policy)
        {
            all[$"ReverseProxy:Routes:{name}:ClusterId"] = cluster;
            all[$"ReverseProxy:Routes:{name}:Match:Path"] = path;
            all[$"ReverseProxy:Routes:{name}:Match:Methods:0"] = "GET";
            all[$"ReverseProxy:Routes:{name}:AuthorizationPolicy"] = policy;
        }
    }

    /// <summary>Waits until the log has a line with this text.</summary>
    public Task UntilLoggedAsync(string text) => process.UntilLoggedAsync(text);

    /// <summary>GET with the session cookie, as a browser would send it.</summary>
    public Task<Answer> GetAsync(string path, string cookie) => GetWithCookiesAsync(path, $"{CookieName}={cookie}");

    /// <summary>GET with an unchanged Cookie header.</summary>
    public Task<Answer> GetWithCookiesAsync(string path, string header) => Caller.SendAsync(
        HttpMethod.Get, path, change: request => Assert.True(request.Headers.TryAddWithoutValidation("Cookie", header)));

    /// <summary>Waits until the gateway has applied a revocation: until it refuses a token that the revocation covers.</summary>
    public Task UntilRefusedAsync(string token) =>
        Patience.UntilAsync(async () => (await Caller.GetAsync("/protected", token)).Status == 401);

    public async ValueTask DisposeAsync()
    {
        Caller?.Dispose();
        if (process is not null)
        {
            await process.DisposeAsync();
        }

        await Identity.DisposeAsync();
        await Service.DisposeAsync();
    }
}

/// <summary>Reads what arrived at the service behind the gateway from the answer of <see cref="Echo"/>.</summary>
internal static class Arrived
{
    public static string? ArrivedHeader(this Answer answer, string name)
    {
        foreach (var header in answer.Json.GetProperty("headers").EnumerateObject())
        {
            if (header.NameEquals(name) || header.Name.Equals(name, StringComparison.OrdinalIgnoreCase))
            {
                return header.Value.GetString();
            }
        }

        return null;
    }

    /// <summary>A claim of the bearer token that arrived.</summary>
    public static string ArrivedClaim(this Answer answer, string claim)
    {
        Assert.Equal(200, answer.Status);
        var authorization = answer.ArrivedHeader("Authorization");
        Assert.StartsWith("Bearer ", authorization, StringComparison.Ordinal);
        return JsonElement.Parse(Base64Url.DecodeFromChars(authorization!.Split('.')[1])).GetProperty(claim).ToString();
    }
}
