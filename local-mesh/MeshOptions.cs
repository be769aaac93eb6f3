
namespace AuthMesh.LocalMesh;

/// <summary>The options of one mesh. The defaults suit a test: free ports, a folder for this run only, one replica of everything.</summary>
public sealed record MeshOptions
{
    /// <summary>"Development" or "Production".</summary>
    public string Environment { get; init; } = "Development";

    /// <summary>0 takes a free port, here and below.</summary>
    public int GatewayPort { get; init; }

    public int IdentityPort { get; init; }

    public int ResourcePort { get; init; }

    public int PostgresPort { get; init; }

    /// <summary>The public origin; null means the first gateway's address.</summary>
    public string? Issuer { get; init; }

    public bool DemoUsers { get; init; }

    /// <summary>The folder kept between runs; null creates one for this run and deletes it with the mesh.</summary>
    public string? DataFolder { get; init; }

    /// <summary>Whether each mail becomes a file in <see cref="Mesh.MailFolder"/>; otherwise mail is off.</summary>
    public bool WritesMails { get; init; }

    /// <summary>A folder with one published service in each subfolder; null takes the output of this checkout's last build.</summary>
    public string? PublishedServices { get; init; }

    /// <summary>Whether the gateway speaks HTTP/2 with the services, at an address of their own (AuthMesh:Http2Url), or HTTP/1.1.</summary>
    public bool Http2Inside { get; init; } = true;

    /// <summary>
    /// Whether the gateway answers for this machine's loopback names too, besides the issuer's host. In Development it always does.
    /// </summary>
    public bool AllowsLoopbackNames { get; init; } = true;

    /// <summary>Starts the program of each service; null starts it as a process.</summary>
    public Func<ServiceStart, Task<IRunningProgram>>? Start { get; init; }

    /// <summary>A database that already runs; null starts one.</summary>
    public string? ConnectionString { get; init; }

    public PostgresSource PostgresSource { get; init; }

    public int IdentityReplicas { get; init; } = 1;

    public int ResourceReplicas { get; init; } = 1;

    public int GatewayReplicas { get; init; } = 1;

    /// <summary>Settings for every service that override the mesh's own; keys as in appsettings.json, such as `AuthMesh:Issuer`.</summary>
    public IReadOnlyDictionary<string, string> Settings { get; init; } = new Dictionary<string, string>();

    public IReadOnlyDictionary<string, string> IdentitySettings { get; init; } = new Dictionary<string, string>();

    public IReadOnlyDictionary<string, string> ResourceSettings { get; init; } = new Dictionary<string, string>();

    public IReadOnlyDictionary<string, string> GatewaySettings { get; init; } = new Dictionary<string, string>();

    /// <summary>Receives progress messages, one line for each part.</summary>
    public Action<string> Report { get; init; } = _ => { };
}
