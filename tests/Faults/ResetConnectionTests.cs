using System.Net;
using System.Net.Sockets;
using AuthMesh.Issuer;
using AuthMesh.LocalMesh;
using AuthMesh.Replicas;
using AuthMesh.Settings;
using AuthMesh.Tests.Harness;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace AuthMesh.Tests.Faults;

/// <summary>An identity service that accepts a connection and resets it at once, as one that is being killed may do.</summary>
public sealed class ResetConnectionTests
{
    [Fact]
    public async Task A_connection_that_is_reset_at_once_is_a_request_that_failed()
    {
        using var listener = new TcpListener(Loopback.Address, 0);
        listener.Start();
        using var stop = new CancellationTokenSource();
        var resetting = ResetEachAsync(listener, stop.Token);
        var options = Options.Create(new AuthMeshOptions
        {
            IdentityUrl = $"http://{listener.LocalEndpoint}",
            ServiceKey = ProductionMesh.ServiceKey,
        });
        using var names = new NameAddresses(
            Dns.GetHostAddressesAsync, options, TimeProvider.System, NullLogger<NameAddresses>.Instance);
        using var issuer = new IssuerConnection(options, names);

        for (var i = 0; i < 1000; i++) // the kernel reports the reset during the connect, right after it, or at the first write
        {
            await Assert.ThrowsAsync<HttpRequestException>(
                () => issuer.SendAsync(() => new(HttpMethod.Get, new Uri("/", UriKind.Relative)), TestContext.Current.CancellationToken));
        }

        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => resetting);
    }

    private static async Task ResetEachAsync(TcpListener listener, CancellationToken cancellation)
    {
        while (true)
        {
            using var connection = await listener.AcceptSocketAsync(cancellation);
            connection.Close(timeout: 0); // sends RST, not FIN
        }
    }
}
