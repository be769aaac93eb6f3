using System.Net.Sockets;
using System.Text;

namespace AuthMesh.Tests.Harness;

/// <summary>Sends raw bytes over a socket, for requests that no HTTP client would send.</summary>
public static class RawHttp
{
    /// <returns>Everything that the server sent until it closed the connection.</returns>
    public static async Task<string> SendAsync(Uri address, params string[] parts)
    {
        using var client = new TcpClient { NoDelay = true };
        await client.ConnectAsync(address.Host, address.Port, TestContext.Current.CancellationToken);
        await using var stream = client.GetStream();
        foreach (var part in parts)
        {
            await stream.WriteAsync(Encoding.UTF8.GetBytes(part), TestContext.Current.CancellationToken);
        }

        using var reader = new StreamReader(stream, Encoding.UTF8);
        return await reader.ReadToEndAsync(TestContext.Current.CancellationToken);
    }
}
