using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace AuthMesh.Requests;

/// <summary>
/// The network that counts as one client: an IPv4 address, or the IPv6 /64 of a household or a server. A client can switch between the 2^64
/// addresses of its /64.
/// </summary>
/// <param name="Bits">The IPv4 address, or the first half of the IPv6 address.</param>
/// <param name="IsIPv6">Whether it is an IPv6 network.</param>
public readonly record struct ClientNetwork(ulong Bits, bool IsIPv6)
{
    /// <summary>
    /// Returns the network of an address. An IPv4 address mapped into IPv6, as dual-stack sockets show it, counts as an IPv4 address.
    /// </summary>
    public static ClientNetwork Of(IPAddress address)
    {
        Span<byte> bytes = stackalloc byte[16];
        address.TryWriteBytes(bytes, out _);
        return address.AddressFamily == AddressFamily.InterNetwork ? new(BinaryPrimitives.ReadUInt32BigEndian(bytes), IsIPv6: false)
            : address.IsIPv4MappedToIPv6 ? new(BinaryPrimitives.ReadUInt32BigEndian(bytes[12..]), IsIPv6: false)
            : new(BinaryPrimitives.ReadUInt64BigEndian(bytes), IsIPv6: true);
    }

    /// <summary><c>203.0.113.7</c> or <c>2001:db8:1:2::/64</c>.</summary>
    public override string ToString()
    {
        Span<byte> bytes = stackalloc byte[16];
        if (IsIPv6)
        {
            BinaryPrimitives.WriteUInt64BigEndian(bytes, Bits);
            return new IPAddress(bytes) + "/64";
        }

        BinaryPrimitives.WriteUInt32BigEndian(bytes, (uint)Bits);
        return new IPAddress(bytes[..4]).ToString();
    }
}
