using System.Net;
using IPNetwork = System.Net.IPNetwork;

namespace AuthMesh.Identity.Applications;

/// <summary>
/// The addresses to which the service connects when it tells an application of the end of a session. An admin or a name server chooses
/// them, and the service stands inside the walls: without this list, it could be led to PostgreSQL, to another service or to the metadata
/// of the cloud.
/// </summary>
/// <param name="options">The setting.</param>
/// <param name="isDevelopment">Whether this machine is allowed.</param>
internal sealed class LogoutNetworks(BackchannelLogoutOptions options, bool isDevelopment)
{
    // What the registries of IANA for special-purpose addresses (RFC 6890) keep from the public internet, and 168.63.129.16, by which
    // machines in Azure reach their host.
    private static readonly IPNetwork[] Inner =
    [
        .. ((string[])[
            "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "168.63.129.16/32", "169.254.0.0/16", "172.16.0.0/12",
            "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
            "224.0.0.0/4", "240.0.0.0/4", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
        ]).Select(IPNetwork.Parse),
    ];

    // All public addresses of IPv6 so far. Loopback, link-local and unique local ones are elsewhere.
    private static readonly IPNetwork GlobalUnicast = IPNetwork.Parse("2000::/3");

    // A translator turns these into the IPv4 address that they end with (RFC 6052 §2.1).
    private static readonly IPNetwork Translated = IPNetwork.Parse("64:ff9b::/96");

    private readonly IPNetwork[] allowed =
    [
        .. options.AllowedNetworks.Select(TryParse).OfType<IPNetwork>(), // the setting's check reports the others
        .. isDevelopment ? (IPNetwork[])[IPNetwork.Parse("127.0.0.0/8"), IPNetwork.Parse("::1/128")] : [],
    ];

    /// <summary>Whether the operator allows any network.</summary>
    public bool HasAny => allowed.Length > 0;

    /// <summary>Reads a setting: a network, or an address.</summary>
    public static IPNetwork? TryParse(string text) =>
        IPNetwork.TryParse(text, out var network) ? network
        : IPAddress.TryParse(text, out var address) ? new IPNetwork(address, address.GetAddressBytes().Length * 8)
        : null;

    /// <summary>Whether the operator allows this address.</summary>
    public bool Allows(IPAddress address) => IsIn(allowed, Plain(address));

    /// <summary>Whether the service may connect to this address.</summary>
    /// <param name="address">The address.</param>
    /// <param name="isEncrypted">Whether by TLS.</param>
    public bool MayConnect(IPAddress address, bool isEncrypted) => Allows(address) || (isEncrypted && IsPublic(Plain(address)));

    private static bool IsPublic(IPAddress address) =>
        (address.AddressFamily != System.Net.Sockets.AddressFamily.InterNetworkV6 || GlobalUnicast.Contains(address))
        && !IsIn(Inner, address);

    private static bool IsIn(IPNetwork[] networks, IPAddress address) => Array.Exists(networks, network => network.Contains(address));

    private static IPAddress Plain(IPAddress address) =>
        address.IsIPv4MappedToIPv6 ? address.MapToIPv4()
        : Translated.Contains(address) ? new IPAddress(address.GetAddressBytes().AsSpan(12))
        : address;
}
