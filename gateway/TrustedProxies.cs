using System.Net;
using AuthMesh.Settings;
using Microsoft.AspNetCore.HttpOverrides;
using Microsoft.Extensions.Options;

namespace AuthMesh.Gateway;

/// <summary>
/// Takes a caller's address from X-Forwarded-For where a proxy that the operator trusts wrote it down. The list is read from its end, and
/// the first address that is no trusted proxy's is the caller's; what stands before it is the caller's own claim.
/// </summary>
internal sealed class TrustedProxies(IOptions<GatewayOptions> gateway) : IConfigureOptions<ForwardedHeadersOptions>
{
    public void Configure(ForwardedHeadersOptions options)
    {
        options.KnownProxies.Clear();
        options.KnownIPNetworks.Clear();
        foreach (var network in Networks(gateway.Value))
        {
            options.KnownIPNetworks.Add(network);
        }

        // To the middleware, none known would mean all trusted.
        options.ForwardedHeaders = options.KnownIPNetworks.Count == 0 ? ForwardedHeaders.None : ForwardedHeaders.XForwardedFor;
        options.ForwardLimit = null; // through all that are trusted
    }

    public static IEnumerable<System.Net.IPNetwork> Networks(GatewayOptions options) =>
        options.TrustedProxies.Select(text => TryParse(text)!.Value);

    public static void Check(GatewayOptions options, SettingProblems problems)
    {
        foreach (var text in options.TrustedProxies)
        {
            problems.Unless(
                TryParse(text) is { PrefixLength: > 0 }, nameof(options.TrustedProxies),
                $"must hold addresses or networks of your own proxies, for example 10.0.0.7 or 10.0.0.0/24. {text} is none.");
        }
    }

    private static System.Net.IPNetwork? TryParse(string text) =>
        System.Net.IPNetwork.TryParse(text, out var network) ? network
        : IPAddress.TryParse(text, out var address) ? new System.Net.IPNetwork(address, address.GetAddressBytes().Length * 8)
        : null;
}
