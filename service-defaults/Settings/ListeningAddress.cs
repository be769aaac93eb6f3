using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;

namespace AuthMesh.Settings;

/// <summary>Adds an address to those on which a program listens, whether these are URLs, ports or Kestrel's endpoints.</summary>
internal static class ListeningAddress
{
    /// <param name="configuration">The program's configuration, before the host reads it.</param>
    /// <param name="name">The name of the endpoint, if the program configures Kestrel's endpoints.</param>
    /// <param name="url">Such as http://127.0.0.1:8081, or http://+:8081 for all addresses.</param>
    /// <returns>Its port; null if the address is unusable, or if another address has its port.</returns>
    public static int? TryAdd(IConfiguration configuration, string name, string url)
    {
        var endpoints = configuration.GetSection("Kestrel:Endpoints").GetChildren().Select(endpoint => endpoint["Url"] ?? "").ToList();
        var urls = endpoints.Count > 0 ? endpoints : PublicUrls(configuration); // with endpoints, the host ignores other addresses
        if (TryReadPort(url) is not { } port || urls.Any(other => TryParse(other)?.Port == port))
        {
            return null;
        }

        if (endpoints.Count > 0)
        {
            configuration[$"Kestrel:Endpoints:{name}:Url"] = url;
        }
        else
        {
            configuration[WebHostDefaults.ServerUrlsKey] = string.Join(';', [.. urls, url]);
        }

        return port;
    }

    /// <summary>The ports of the https addresses, if the program does not configure Kestrel's endpoints itself.</summary>
    public static IReadOnlyList<int> HttpsPorts(IConfiguration configuration) => configuration.GetSection("Kestrel:Endpoints").Exists()
        ? []
        : [.. PublicUrls(configuration).Select(TryParse).OfType<BindingAddress>().Where(IsHttps).Select(address => address.Port)];

    /// <summary>Reads the addresses as the host does when no endpoints are set.</summary>
    private static List<string> PublicUrls(IConfiguration configuration)
    {
        if (configuration[WebHostDefaults.ServerUrlsKey] is { Length: > 0 } urls)
        {
            return [.. urls.Split(';', StringSplitOptions.RemoveEmptyEntries)];
        }

        List<string> fromPorts =
        [
            .. Ports(WebHostDefaults.HttpPortsKey).Select(port => $"http://*:{port}"),
            .. Ports(WebHostDefaults.HttpsPortsKey).Select(port => $"https://*:{port}"),
        ];
        return fromPorts.Count > 0 ? fromPorts : ["http://localhost:5000"];

        string[] Ports(string key) =>
            configuration[key]?.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) ?? [];
    }

    private static bool IsHttps(BindingAddress address) => address.Scheme.Equals(Uri.UriSchemeHttps, StringComparison.OrdinalIgnoreCase);

    private static int? TryReadPort(string url) =>
        TryParse(url) is { Scheme: "http", PathBase: "", Port: > 0 and < 65536 } address
            && url.EndsWith($":{address.Port}", StringComparison.Ordinal)
            ? address.Port
            : null;

    private static BindingAddress? TryParse(string url)
    {
        try
        {
            return BindingAddress.Parse(url);
        }
        catch (FormatException)
        {
            return null;
        }
    }
}
