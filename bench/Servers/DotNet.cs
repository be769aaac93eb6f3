using AuthMesh.LocalMesh;
using AuthMesh.LocalMesh.Processes;

namespace AuthMesh.Bench.Servers;

/// <summary>Starts the peers that are ASP.NET Core services, from <c>bench/peers</c>, in the same build configuration.</summary>
internal static class DotNet
{
    public static Task<Server> StartOpenServiceAsync(string folder) => StartAsync("open-service", folder);

    /// <summary>
    /// The framework starts an Activity for a request if something listens to it, or if this category may log. Without the category, it
    /// starts none, and the HTTP client of a proxy then starts none either.
    /// </summary>
    public static readonly string[] WithoutActivities = ["--Logging:LogLevel:Microsoft.AspNetCore.Hosting.Diagnostics=None"];

    /// <summary>A service that speaks only HTTP/2, without TLS: callers must know it beforehand.</summary>
    public static readonly string[] OnlyHttp2 = ["--Kestrel:EndpointDefaults:Protocols=Http2"];

    /// <summary>A proxy that calls such a service.</summary>
    public static readonly string[] ToHttp2 =
        ["--ReverseProxy:Clusters:one:HttpRequest:Version=2", "--ReverseProxy:Clusters:one:HttpRequest:VersionPolicy=RequestVersionExact"];

    /// <param name="settings">The settings of a service of the mesh.</param>
    /// <param name="folder">For its log.</param>
    /// <param name="arguments">Settings that make it differ.</param>
    public static Task<Server> StartUnguardedServiceAsync(
        IReadOnlyDictionary<string, string> settings, string folder, params string[] arguments) => StartAsync(
        "unguarded-service", folder,
        settings.ToDictionary(setting => setting.Key.Replace(":", "__", StringComparison.Ordinal), setting => setting.Value), arguments);

    /// <param name="upstream">The service behind the proxy.</param>
    /// <param name="folder">For its log.</param>
    /// <param name="variables">Further environment variables.</param>
    /// <param name="arguments">Settings that make it differ.</param>
    public static Task<Server> StartBareProxyAsync(
        Uri upstream, string folder, IReadOnlyDictionary<string, string>? variables = null, params string[] arguments) =>
        StartAsync("bare-proxy", folder, RouteTo(upstream, new(variables ?? new Dictionary<string, string>())), arguments);

    /// <param name="identity">The source of the keys; the issuer's own address belongs to a proxy that does not exist here.</param>
    /// <param name="issuer">The issuer of the tokens.</param>
    /// <param name="folder">For its log.</param>
    public static Task<Server> StartStockServiceAsync(Uri identity, string issuer, string folder) =>
        StartAsync("stock-service", folder, new() { ["Keys"] = KeysAt(identity), ["Issuer"] = issuer });

    public static Task<Server> StartStockGatewayAsync(Uri identity, string issuer, Uri upstream, string folder) =>
        StartAsync("stock-gateway", folder, RouteTo(upstream, new()
        {
            ["Keys"] = KeysAt(identity),
            ["Issuer"] = issuer,
            ["ReverseProxy__Routes__all__AuthorizationPolicy"] = "default",
        }));

    public static Task<Server> StartStockIdentityAsync(string connectionString, string folder) =>
        StartAsync("stock-identity", folder, new() { ["ConnectionStrings__Accounts"] = connectionString });

    private static string KeysAt(Uri identity) => new Uri(identity, "/.well-known/jwks.json").AbsoluteUri;

    private static Dictionary<string, string> RouteTo(Uri upstream, Dictionary<string, string> settings)
    {
        settings["ReverseProxy__Routes__all__ClusterId"] = "one";
        settings["ReverseProxy__Routes__all__Match__Path"] = "/{**path}";
        settings["ReverseProxy__Clusters__one__Destinations__one__Address"] = upstream.AbsoluteUri;
        return settings;
    }

    private static Task<Server> StartAsync(
        string name, string folder, Dictionary<string, string>? settings = null, params string[] arguments)
    {
        var port = Ports.Free();
        settings ??= [];
        settings["ASPNETCORE_URLS"] = $"http://127.0.0.1:{port}";
        return Server.StartAsync(name, [ServiceOutput.DotNet, Checkout.Dll($"bench/peers/{name}"), .. arguments], port, folder, settings);
    }
}
