using AuthMesh.Errors;
using AuthMesh.Health;
using AuthMesh.Metrics;
using AuthMesh.Settings;

namespace AuthMesh.Gateway.Connections;

/// <summary>
/// A second address for probes, <see cref="GatewayOptions.InnerUrl"/>, that answers only health requests. The web server counts connections
/// by address, so this one answers even while clients hold every connection of the public one. Metrics may share it.
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
        if (builder.Configuration[Key] is not { Length: > 0 } url
            || (MetricsEndpoint.Of(builder) is { } metrics && metrics.Url == url
                ? metrics.Port : ListeningAddress.TryAdd(builder.Configuration, "AuthMeshInner", url)) is not { } port)
        {
            return null;
        }

        var inner = new InnerEndpoint(port);
        builder.Services.AddSingleton(inner).AddSingleton<IStartupFilter>(inner);
        return inner;
    }

    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
    {
        app.Use((context, proceed) =>
            context.Connection.LocalPort != Port || HealthEndpoints.Answer(context.Request)
                ? proceed(context)
                : NotFound.ExecuteAsync(context));
        next(app);
    };
}
