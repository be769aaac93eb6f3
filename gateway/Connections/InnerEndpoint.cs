using AuthMesh.Errors;

namespace AuthMesh.Gateway.Connections;

/// <summary>
/// A second address for probes, <see cref="GatewayOptions.InnerUrl"/>, that answers only health requests. The web server counts connections
/// by address, so this one answers even while clients hold every connection of the public one.
/// </summary>
internal sealed class InnerEndpoint : IStartupFilter
{
    private const string Key = $"{GatewayOptions.Section}:{nameof(GatewayOptions.InnerUrl)}";

    private static readonly Failure NotFound = CommonFailures.FromStatus(StatusCodes.Status404NotFound);

    private InnerEndpoint(int port) => Port = port;

    public int Port { get; }

    /// <summary>Adds the configured address. It skips an unusable one; the check of all settings then reports the reason.</summary>
    public static InnerEndpoint? Add(WebApplicationBuilder builder)
    {
        var configuration = builder.Configuration;
        var endpoints = configuration.GetSection("Kestrel:Endpoints").GetChildren().Select(endpoint => endpoint["Url"] ?? "").ToList();
        var urls = endpoints.Count > 0 ? endpoints : PublicUrls(configuration); // with endpoints, the host ignores other addresses
        if (configuration[Key] is not { Length: > 0 } url || TryReadPort(url) is not { } port
            || urls.Any(other => TryParse(other)?.Port == port))
        {
            return null;
        }

        if (endpoints.Count > 0)
        {
            configuration["Kestrel:Endpoints:AuthMeshInner:Url"] = url;
        }
        else
        {
            builder.WebHost.UseUrls([.. urls, url]);
        }

        var inner = new InnerEndpoint(port);
        builder.Services.AddSingleton(inner).AddSingleton<IStartupFilter>(inner);
        return inner;
    }

    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
    {
        app.Use((context, proceed) =>
            context.Connection.LocalPort != Port || context.Request.Path.Value is "/health/live" or "/health/ready"
                ? proceed(context)
                : NotFound.ExecuteAsync(context));
        next(app);
    };

    /// <summary>Reads the addresses as the host does when no endpoints are set.</summary>
    private static List<string> PublicUrls(ConfigurationManager configuration)
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
