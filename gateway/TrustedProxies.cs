using System.Net;
using AuthMesh.Settings;
using Microsoft.AspNetCore.HttpOverrides;
using Microsoft.Extensions.Options;

namespace AuthMesh.Gateway;

/// <summary>
/// Takes a caller's address from X-Forwarded-For if a trusted proxy sent it. It reads the list from its end: the first address that is not
/// a trusted proxy's is the caller's. Everything before it is only the caller's claim.
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

        // The middleware trusts every proxy if none is known.
        options.ForwardedHeaders = options.KnownIPNetworks.Count == 0 ? ForwardedHeaders.None : ForwardedHeaders.XForwardedFor;
        options.ForwardLimit = null; // reads through all trusted proxies
    }

    public static IEnumerable<System.Net.IPNetwork> Networks(GatewayOptions options) =>
        options.TrustedProxies.Select(text => TryParse(text)!.Value);

    public static void Check(GatewayOptions options, SettingProblems problems)
    {
        foreach (var text in options.TrustedProxies)
        {
            problems.Unless(
                TryParse(text) is { PrefixLength: > 0 }, nameof(options.TrustedProxies),
                $"must hold addresses or networks of your own proxies, for example 10.0.0.7 or 10.0.0.0/24. {text} is neither.");
        }
    }

    private static System.Net.IPNetwork? TryParse(string text) =>
        System.Net.IPNetwork.TryParse(text, out var network) ? network
        : IPAddress.TryParse(text, out var address) ? new System.Net.IPNetwork(address, address.GetAddressBytes().Length * 8)
        : null;
}

internal static class TrustedProxiesPipeline
{
    /// <summary>Adds nothing if no proxy is trusted.</summary>
    public static void UseTrustedProxies(this WebApplication app)
    {
        // Reads the configuration and not the options, which are checked later, together with all others.
        if (app.Configuration.GetSection($"{GatewayOptions.Section}:{nameof(GatewayOptions.TrustedProxies)}").GetChildren().Any())
        {
            app.UseForwardedHeaders();
        }
    }
}
