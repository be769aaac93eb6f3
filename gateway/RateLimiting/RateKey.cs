using System.Runtime.CompilerServices;
using AuthMesh.Requests;

namespace AuthMesh.Gateway.RateLimiting;

/// <summary>The names of a client in <see cref="RateCounts"/>: its own, and those that it shares with neighbours.</summary>
internal readonly record struct RateKey(UInt128 Exact, UInt128 Wide, UInt128 Widest)
{
    /// <summary>
    /// An IPv6 /64, then its /48, then its /32: what providers give to a household, to a customer, and get themselves. An IPv4 address,
    /// then its /24, then its /16.
    /// </summary>
    public static RateKey Of(ClientNetwork network) => network.IsIPv6
        ? new(Network(network.Bits, 0, true), Network(network.Bits, 16, true), Network(network.Bits, 32, true))
        : new(Network(network.Bits, 0, false), Network(network.Bits, 8, false), Network(network.Bits, 16, false));

    public static RateKey Of(Guid session)
    {
        var key = Unsafe.BitCast<Guid, UInt128>(session);
        return new(key, key, key);
    }

    private static UInt128 Network(ulong bits, int ignored, bool isIPv6) => new(isIPv6 ? 1UL : 0, bits >> ignored << ignored);
}
