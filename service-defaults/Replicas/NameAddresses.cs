using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using AuthMesh.Settings;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace AuthMesh.Replicas;

/// <summary>Looks a host name up, as <see cref="Dns.GetHostAddressesAsync(string, CancellationToken)"/> does.</summary>
internal delegate Task<IPAddress[]> LookUp(string name, CancellationToken cancellationToken);

/// <summary>
/// Follows the addresses of host names. A headless Service of Kubernetes and a scaled service of Compose have one name with an address for
/// each replica.
/// </summary>
/// <remarks>
/// A name keeps its last addresses while it cannot be resolved: a name server that is away must not take the replicas away. Such an address
/// may belong to another host meanwhile, as in any pool of open connections. With https inside, that host lacks the certificate.
/// </remarks>
internal sealed partial class NameAddresses(
    LookUp lookUp, IOptions<AuthMeshOptions> mesh, TimeProvider clock, ILogger<NameAddresses> logger) : BackgroundService
{
    // A start does not wait longer for a name server. Until it answers, requests go to the name itself.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<string, FollowedName> names = new(StringComparer.OrdinalIgnoreCase);
    private CancellationTokenSource changed = new();

    /// <summary>Canceled when any name gets other addresses. Read it before the addresses.</summary>
    public CancellationToken Changed => Volatile.Read(ref changed).Token;

    /// <summary>The name in an address; null for an IP address and for <c>localhost</c>, which are used as they are.</summary>
    public static string? NameIn(Uri address) =>
        address is { HostNameType: UriHostNameType.Dns, IsLoopback: false } ? address.IdnHost : null;

    /// <summary>Follows a name from now on.</summary>
    /// <returns>Its last known addresses, sorted; none if it was never resolved.</returns>
    public IReadOnlyList<IPAddress> Find(string name) => Follow(name).Addresses;

    /// <summary>Follows a name from now on, and waits a moment for its first addresses.</summary>
    public async Task FollowAsync(string name)
    {
        var followed = Follow(name);
        if (followed.Addresses.Count == 0)
        {
            await Task.WhenAny(RefreshAsync(followed), Task.Delay(Patience, clock));
        }
    }

    /// <summary>Waits a moment for the names that are followed already.</summary>
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        await Task.WhenAll(names.Keys.Select(FollowAsync));
        await base.StartAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (true)
        {
            await Task.Delay(mesh.Value.ResolveInterval, clock, stoppingToken);
            foreach (var name in names.Values)
            {
                _ = RefreshAsync(name); // not awaited: one name's slow server must not delay the others
            }
        }
    }

    private FollowedName Follow(string name)
    {
        if (names.TryGetValue(name, out var known))
        {
            return known;
        }

        var added = names.GetOrAdd(name, static name => new FollowedName(name));
        _ = RefreshAsync(added);
        return added;
    }

    /// <summary>Looks the name up, unless a lookup is under way.</summary>
    private Task RefreshAsync(FollowedName name)
    {
        lock (name)
        {
            return name.UnderWay is { IsCompleted: false } lookup ? lookup : name.UnderWay = LookUpAsync(name);
        }
    }

    private async Task LookUpAsync(FollowedName name)
    {
        List<IPAddress> found;
        try
        {
            found = ChooseFamily(await lookUp(name.Name, CancellationToken.None));
        }
        catch (Exception exception) // of any kind, because the next lookup may succeed
        {
            Keep(name, exception.Message);
            return;
        }

        if (found.Count == 0)
        {
            Keep(name, "it has no address");
            return;
        }

        var isResolvedAgain = name.Problem is not null;
        name.Problem = null;
        if (!found.SequenceEqual(name.Addresses))
        {
            name.Addresses = found;
            LogChanged(name.Name, string.Join(' ', found));
            await Interlocked.Exchange(ref changed, new()).CancelAsync();
        }
        else if (isResolvedAgain)
        {
            LogResolvedAgain(name.Name);
        }
    }

    private void Keep(FollowedName name, string problem)
    {
        if (name.Problem != problem) // once per reason, however long it lasts
        {
            name.Problem = problem;
            LogUnresolved(name.Name, problem, name.Addresses.Count == 0 ? "no address" : string.Join(' ', name.Addresses));
        }
    }

    // With addresses of both families, each replica would count twice. Name servers change the order with each answer, so it is sorted.
    private static List<IPAddress> ChooseFamily(IPAddress[] found)
    {
        var hasIPv4 = Array.Exists(found, address => address.AddressFamily == AddressFamily.InterNetwork);
        return [.. found.Where(address => !hasIPv4 || address.AddressFamily == AddressFamily.InterNetwork).Distinct()
            .OrderBy(address => address.ToString(), StringComparer.Ordinal)];
    }

    [LoggerMessage(LogLevel.Information, "The addresses of {Name} are now {Addresses}")]
    private partial void LogChanged(string name, string addresses);

    [LoggerMessage(LogLevel.Information, "The name {Name} can be resolved again, to the same addresses")]
    private partial void LogResolvedAgain(string name);

    [LoggerMessage(LogLevel.Warning, "The name {Name} cannot be resolved: {Reason}. Using what it had last: {Addresses}")]
    private partial void LogUnresolved(string name, string reason, string addresses);

    private sealed class FollowedName(string name)
    {
        private volatile IReadOnlyList<IPAddress> addresses = [];

        public string Name => name;

        public IReadOnlyList<IPAddress> Addresses { get => addresses; set => addresses = value; }

        public Task? UnderWay { get; set; }

        public string? Problem { get; set; }
    }
}

internal static class NameAddressesServices
{
    /// <summary>Add it before the services that use it, so that the names are resolved when those start.</summary>
    public static void AddNameAddresses(this IServiceCollection services)
    {
        services.TryAddSingleton<LookUp>(Dns.GetHostAddressesAsync);
        services.AddSingleton<NameAddresses>();
        services.AddHostedService(provider => provider.GetRequiredService<NameAddresses>());
    }
}
