using System.Net;
using AuthMesh.Requests;

namespace AuthMesh.Gateway;

/// <summary>
/// The clients to which a limit applies. This machine's own addresses are exempt unless set otherwise. So are the proxies in
/// <see cref="GatewayOptions.TrustedProxies"/>: an address that is still theirs carries the requests of many clients.
/// </summary>
internal sealed class LimitedClients(GatewayOptions options, bool isForLoopback)
{
    private const int LoopbackByte = 127; // 127.0.0.0/8, RFC 1122 §3.2.1.3

    private readonly System.Net.IPNetwork[] proxies = [.. TrustedProxies.Networks(options)];

    /// <returns>The network that counts as one client; null if the limit does not apply.</returns>
    public ClientNetwork? Find(IPAddress? address) =>
        IsLocal(address) ? null
        : address is null ? default(ClientNetwork)
        : IsProxy(address) ? null
        : ClientNetwork.Of(address);

    /// <summary>Whether the address is this machine's own, and exempt for that. A connection over a Unix socket has none.</summary>
    public bool IsLocal(IPAddress? address) => !isForLoopback && (address is null || IsLoopback(address));

    private static bool IsLoopback(IPAddress address) =>
        IPAddress.IsLoopback(address)
        || ClientNetwork.Of(address) is { IsIPv6: false, Bits: var bits } && bits >> 24 == LoopbackByte; // also mapped into IPv6

    private bool IsProxy(IPAddress address)
    {
        if (proxies.Length == 0)
        {
            return false;
        }

        var plain = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        return Array.Exists(proxies, proxy => proxy.Contains(plain));
    }
}
