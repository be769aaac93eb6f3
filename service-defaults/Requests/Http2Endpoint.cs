using AuthMesh.Settings;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace AuthMesh.Requests;

/// <summary>
/// A second address of a service, <see cref="AuthMeshOptions.Http2Url"/>, for the gateway: HTTP/2 without TLS, by prior knowledge (RFC 9113
/// §3.3). Many requests share one connection and one call into the kernel, which halves the processor time of a guarded request under load.
/// An instance is registered if the service listens there.
/// </summary>
internal sealed class Http2Endpoint
{
    private const string Setting = $"{AuthMeshOptions.Section}:{nameof(AuthMeshOptions.Http2Url)}";

    // Each stream may fill its window without reading, and together they may not fill that of the connection. Otherwise a few uploads that
    // a service does not read would hold up all others.
    private const int StreamWindow = 96 * 1024, MaximumStreams = 100;

    private readonly int port;

    private Http2Endpoint(int port) => this.port = port;

    /// <summary>Adds the configured address. It skips an unusable one; the check of all settings then reports the reason.</summary>
    public static Http2Endpoint? Add(IHostApplicationBuilder builder)
    {
        if (builder.Configuration[Setting] is not { Length: > 0 } url
            || ListeningAddress.TryAdd(builder.Configuration, "AuthMeshHttp2", url) is not { } port)
        {
            return null;
        }

        var added = new Http2Endpoint(port);
        builder.Services.AddSingleton(added);
        return added;
    }

    /// <summary>Sets the limits for HTTP/2 from the gateway, with or without TLS.</summary>
    public static void SetLimits(KestrelServerLimits limits)
    {
        limits.Http2.MaxStreamsPerConnection = MaximumStreams;
        limits.Http2.InitialStreamWindowSize = StreamWindow;
        limits.Http2.InitialConnectionWindowSize = MaximumStreams * StreamWindow;
        limits.Http2.MaxRequestHeaderFieldSize = AuthMeshBuilder.MaximumHeaders;
    }

    public void ServeOn(ListenOptions endpoint)
    {
        if (endpoint.IPEndPoint?.Port == port)
        {
            endpoint.Protocols = HttpProtocols.Http2; // without TLS, a server that also speaks HTTP/1.1 takes everything for that
        }
    }
}
