using System.Net;
using System.Net.Sockets;

namespace AuthMesh.LocalMesh;

/// <summary>
/// The address at which the parts of a mesh call each other. `localhost` would need a lookup for each connection, and means 127.0.0.1 on
/// one machine and ::1 on another.
/// </summary>
public static class Loopback
{
    /// <summary>The loopback addresses of this machine: 127.0.0.1, ::1 or both.</summary>
    public static IReadOnlyList<IPAddress> Addresses { get; } = [.. new[] { IPAddress.Loopback, IPAddress.IPv6Loopback }.Where(CanBind)];

    /// <summary>127.0.0.1, or ::1 on a machine without 127.0.0.1.</summary>
    public static IPAddress Address { get; } = Addresses.FirstOrDefault(IPAddress.Loopback);

    /// <summary>The names and addresses by which programs on this machine call it.</summary>
    public static IReadOnlyList<string> Names { get; } = ["localhost", "127.0.0.1", "::1"];

    /// <summary>An http origin.</summary>
    /// <param name="port">In an address to listen on, 0 takes a free port.</param>
    /// <param name="address">Null means <see cref="Address"/>.</param>
    public static string Origin(int port, IPAddress? address = null) => $"http://{new IPEndPoint(address ?? Address, port)}";

    private static bool CanBind(IPAddress address)
    {
        try
        {
            using var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            socket.Bind(new IPEndPoint(address, 0));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
