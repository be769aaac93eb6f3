using AuthMesh.LocalMesh;
using AuthMesh.LocalMesh.Processes;

namespace AuthMesh.Bench.Servers;

/// <summary>Starts the peers that are ASP.NET Core services, from <c>bench/peers</c>, in the same build configuration.</summary>
internal static class DotNet
{
    public static Task<Server> StartOpenServiceAsync(string folder) => StartAsync("open-service", folder);

    /// <param name="settings">The settings of a service of the mesh.</param>
    /// <param name="folder">For its log.</param>
    public static Task<Server> StartUnguardedServiceAsync(IReadOnlyDictionary<string, string> settings, string folder) => StartAsync(
        "unguarded-service", folder,
        settings.ToDictionary(setting => setting.Key.Replace(":", "__", StringComparison.Ordinal), setting => setting.Value));

    /// <param name="upstream">The service behind the proxy.</param>
    /// <param name="folder">For its log.</param>
    /// <param name="variables">Further environment variables.</param>
    public static Task<Server> StartBareProxyAsync(Uri upstream, string folder, IReadOnlyDictionary<string, string>? variables = null) =>
        StartAsync("bare-proxy", folder, RouteTo(upstream, new(variables ?? new Dictionary<string, string>())));

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

    private static Task<Server> StartAsync(string name, string folder, Dictionary<string, string>? settings = null)
    {
        var port = Ports.Free();
        settings ??= [];
        settings["ASPNETCORE_URLS"] = $"http://127.0.0.1:{port}";
        return Server.StartAsync(name, [ServiceOutput.DotNet, Checkout.Dll($"bench/peers/{name}")], port, folder, settings);
    }
}
