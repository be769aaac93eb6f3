
namespace AuthMesh.LocalMesh;

/// <summary>What one mesh is. The defaults are a test's: free ports, a folder for this run only, one replica of everything.</summary>
public sealed record MeshOptions
{
    /// <summary>"Development" or "Production".</summary>
    public string Environment { get; init; } = "Development";

    /// <summary>0 takes a free one, here and below.</summary>
    public int GatewayPort { get; init; }

    public int IdentityPort { get; init; }

    public int ResourcePort { get; init; }

    public int PostgresPort { get; init; }

    /// <summary>The public origin; null is the first gateway's address.</summary>
    public string? Issuer { get; init; }

    public bool DemoUsers { get; init; }

    /// <summary>Kept between runs; null makes one for this run and deletes it with the mesh.</summary>
    public string? DataFolder { get; init; }

    /// <summary>A folder with a published service in each of its folders; null takes what this checkout's last build made.</summary>
    public string? PublishedServices { get; init; }

    /// <summary>A database that runs already; null starts one.</summary>
    public string? ConnectionString { get; init; }

    public PostgresSource PostgresSource { get; init; }

    public int IdentityReplicas { get; init; } = 1;

    public int ResourceReplicas { get; init; } = 1;

    public int GatewayReplicas { get; init; } = 1;

    /// <summary>For every service, over what the mesh says itself; keys as in appsettings.json, such as `AuthMesh:Issuer`.</summary>
    public IReadOnlyDictionary<string, string> Settings { get; init; } = new Dictionary<string, string>();

    public IReadOnlyDictionary<string, string> IdentitySettings { get; init; } = new Dictionary<string, string>();

    public IReadOnlyDictionary<string, string> ResourceSettings { get; init; } = new Dictionary<string, string>();

    public IReadOnlyDictionary<string, string> GatewaySettings { get; init; } = new Dictionary<string, string>();

    /// <summary>Told what the mesh is doing, a line per part.</summary>
    public Action<string> Report { get; init; } = _ => { };
}
