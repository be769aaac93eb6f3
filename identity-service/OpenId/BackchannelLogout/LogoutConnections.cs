using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using AuthMesh.Identity.Applications;

namespace AuthMesh.Identity.OpenId.BackchannelLogout;

/// <summary>
/// Connects to applications, and to nothing else: it resolves the name once, checks each address, and connects to the address that it
/// checked. A name that leads elsewhere a moment later (DNS rebinding) so changes nothing.
/// </summary>
/// <param name="networks">The addresses that count.</param>
/// <param name="resolve">Finds the addresses of a name.</param>
/// <param name="trust">Which certificates count; null for the system's.</param>
internal sealed class LogoutConnections(
    LogoutNetworks networks, Func<string, CancellationToken, Task<IPAddress[]>> resolve, X509ChainPolicy? trust = null)
{
    // An answer has nothing to say beyond its status. A connection whose answer is longer is closed.
    private const int LongestAnswer = 4 * 1024;

    public HttpMessageInvoker CreateClient() => new(new SocketsHttpHandler
    {
        ConnectCallback = ConnectAsync,
        AllowAutoRedirect = false,
        UseProxy = false, // a proxy would choose the address
        UseCookies = false,
        ActivityHeadersPropagator = null, // the ids of our traces tell applications nothing
        MaxResponseHeadersLength = LongestAnswer / 1024,
        MaxResponseDrainSize = LongestAnswer,
        ResponseDrainTimeout = TimeSpan.FromSeconds(1),
        PooledConnectionIdleTimeout = TimeSpan.FromSeconds(5),
        PooledConnectionLifetime = TimeSpan.FromMinutes(1), // the name may lead elsewhere
        SslOptions = { CertificateChainPolicy = trust },
    });

    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        var (name, port) = (context.DnsEndPoint.Host, context.DnsEndPoint.Port);
        var isEncrypted = context.InitialRequestMessage.RequestUri!.Scheme == Uri.UriSchemeHttps;
        var found = await resolve(name, cancellationToken);
        var addresses = Array.FindAll(found, address => networks.MayConnect(address, isEncrypted));
        if (addresses.Length == 0)
        {
            throw new HttpRequestException(
                HttpRequestError.ConnectionError,
                $"Identity:BackchannelLogout:AllowedNetworks does not allow {string.Join<IPAddress>(", ", found)}");
        }

        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(addresses, port, cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
