using System.Collections.Frozen;
using System.Net;
using System.Text;
using AuthMesh.Errors;
using AuthMesh.Gateway.Connections;
using AuthMesh.Settings;
using Microsoft.Extensions.Options;

namespace AuthMesh.Gateway;

/// <summary>
/// Refuses requests for another host than the issuer's, the pages' and <see cref="GatewayOptions.AllowedHosts"/>. A page of an attacker may
/// let its own name lead to our address (DNS rebinding), and its browser then lets it read our answers. Only the Host header tells such a
/// request. X-Forwarded-Host does not count, not even a proxy's: the page can set it. In Development, loopback names are allowed too.
/// </summary>
/// <remarks>The web server refuses a missing Host (RFC 9112 §3.2), two, malformed ones and one that contradicts the target.</remarks>
internal sealed partial class AllowedHosts : IStartupFilter
{
    private const int LongestLogged = 100;

    // RFC 9110 §15.5.20
    private static readonly Failure Refused =
        new(StatusCodes.Status421MisdirectedRequest, "misdirected_request", "This address does not serve this host");

    private readonly FrozenSet<string>.AlternateLookup<ReadOnlySpan<char>> hosts;
    private readonly bool allowsLoopback;
    private readonly Probes probes;
    private readonly ILogger<AllowedHosts> logger;

    public AllowedHosts(
        IOptions<AuthMeshOptions> mesh, IOptions<GatewayOptions> gateway, IHostEnvironment environment, Probes probes,
        ILogger<AllowedHosts> logger)
    {
        IEnumerable<string> all = [new Uri(mesh.Value.Issuer).Host, new Uri(mesh.Value.OriginOfPages).Host, .. gateway.Value.AllowedHosts];
        hosts = all.Select(Normalize).ToFrozenSet(StringComparer.OrdinalIgnoreCase).GetAlternateLookup<ReadOnlySpan<char>>();
        allowsLoopback = environment.IsDevelopment();
        (this.probes, this.logger) = (probes, logger);
    }

    public static void Check(GatewayOptions options, SettingProblems problems)
    {
        foreach (var host in options.AllowedHosts)
        {
            problems.Unless(
                Ascii.IsValid(host) && Uri.CheckHostName(host) is UriHostNameType.Dns or UriHostNameType.IPv4 or UriHostNameType.IPv6,
                nameof(options.AllowedHosts),
                $"must hold names or addresses, without scheme, port or wildcard, for example gateway or 10.0.0.7. {host} is neither.");
        }
    }

    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
    {
        app.Use((context, proceed) =>
            (context.Request.Headers.Host is [{ } host] && IsAllowed(NameIn(host))) || probes.AreAnswered(context)
                ? proceed(context)
                : RefuseAsync(context));
        next(app);
    };

    private Task RefuseAsync(HttpContext context)
    {
        var host = context.Request.Headers.Host.ToString(); // an HTTP/1.0 request may have none
        LogRefused(host.Length > LongestLogged ? host[..LongestLogged] : host);
        if (!HttpProtocol.IsHttp2(context.Request.Protocol))
        {
            context.Response.Headers.Connection = "close"; // what follows may be meant for a tunnel
        }

        return Refused.ExecuteAsync(context);
    }

    private bool IsAllowed(ReadOnlySpan<char> name) => hosts.Contains(name)
        || (name is ['[', .. var address, ']'] && IPAddress.TryParse(address, out var parsed) && hosts.Contains($"[{parsed}]"))
        || (allowsLoopback && IsLoopback(name));

    // RFC 6761 §6.3: names below localhost are loopback too.
    private static bool IsLoopback(ReadOnlySpan<char> name) =>
        name.Equals("localhost", StringComparison.OrdinalIgnoreCase) || name.EndsWith(".localhost", StringComparison.OrdinalIgnoreCase)
        || (IPAddress.TryParse(name is ['[', .. var address, ']'] ? address : name, out var parsed) && IPAddress.IsLoopback(parsed));

    /// <summary>The host without its port, and without the dot that may end a full name (RFC 1034 §3.1).</summary>
    public static ReadOnlySpan<char> NameIn(ReadOnlySpan<char> host)
    {
        var end = host.LastIndexOf(':');
        var name = end > host.LastIndexOf(']') ? host[..end] : host; // an IPv6 address has colons within brackets
        return name is [.. var full, '.'] ? full : name;
    }

    private static string Normalize(string host) => IPAddress.TryParse(host, out var address)
        ? address.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6 ? $"[{address}]" : address.ToString()
        : NameIn(host).ToString();

    [LoggerMessage(LogLevel.Information,
        "Request for the host {Host} refused. If it is yours, add it to Gateway:AllowedHosts, or let the proxy in front keep the Host "
        + "header")]
    private partial void LogRefused(string host);
}

internal static class AllowedHostsServices
{
    public static void AddAllowedHosts(this WebApplicationBuilder builder) =>
        builder.Services.AddSingleton<Probes>().AddSingleton<IStartupFilter, AllowedHosts>();
}
