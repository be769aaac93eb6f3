using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;

namespace AuthMesh.LocalMesh.Processes;

internal static class Ports
{
    // Below every system's ephemeral range (Linux: from 32768), so that no outgoing connection takes the port of a restarting service.
    // Above the ports that people choose by hand.
    private const int First = 15_000, Last = 31_999;

    private static readonly ConcurrentDictionary<int, bool> HandedOut = new();

    internal static int Free()
    {
        for (var attempt = 0; attempt < 1000; attempt++)
        {
            var port = RandomNumberGenerator.GetInt32(First, Last + 1);
            if (HandedOut.TryAdd(port, true) && IsFree(port)) return port;
        }

        throw new MeshException($"No free port between {First} and {Last} on this machine.");
    }

    /// <summary>Returns the wished port if it is free, or a free port for 0.</summary>
    internal static int FreeOr(int wish)
    {
        if (wish == 0) return Free();
        RefuseTaken(wish);
        return wish;
    }

    /// <param name="wish">The port; 0 is never taken.</param>
    /// <param name="option">The command-line option for another port.</param>
    internal static void RefuseTaken(int wish, string? option = null)
    {
        if (wish == 0 || IsFree(wish)) return;
        throw new MeshException($"Port {wish} is in use by another program." + (option is null ? "" : $" Choose another with {option}."));
    }

    private static bool IsFree(int port) =>
        Loopback.Addresses.All(address => CanListen(address, port));

    private static bool CanListen(IPAddress address, int port)
    {
        using var listener = new TcpListener(address, port);
        try
        {
            listener.Start();
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
