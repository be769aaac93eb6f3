using System.Net;
using AuthMesh.Requests;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Options;

namespace AuthMesh.Gateway.Connections;

/// <summary>The section <c>Gateway:Connections</c>.</summary>
public sealed class ConnectionOptions
{
    /// <summary>
    /// How many connections one client (an IPv4 address or an IPv6 /64) may hold at a time: 10 to 10,000. All clients together may hold
    /// 10,000.
    /// </summary>
    public int PerAddress { get; set; } = 2_000;

    /// <summary>Whether the limit applies to this machine's own addresses too.</summary>
    public bool LimitLoopback { get; set; }
}

/// <summary>
/// Closes a new connection, before reading from it, if its client already holds <see cref="ConnectionOptions.PerAddress"/> connections.
/// Otherwise one client could take every place and lock out all others. Proxies in <see cref="GatewayOptions.TrustedProxies"/> carry the
/// connections of many clients, so they are not limited.
/// </summary>
internal sealed partial class ConnectionLimit(IOptions<GatewayOptions> options, TimeProvider clock, ILogger<ConnectionLimit> logger)
{
    private readonly ConnectionCounts counts = new(options.Value.Connections.PerAddress);
    private readonly LimitedClients clients = new(options.Value, options.Value.Connections.LimitLoopback);
    private readonly Seldom lines = new(clock);

    public Task RunAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        if (connection.RemoteEndPoint is not IPEndPoint { Address: var address } || clients.Find(address) is not { } network)
        {
            return next(connection);
        }

        if (counts.TryEnter(network))
        {
            return RunCountedAsync(connection, next, network);
        }

        if (lines.IsDue())
        {
            LogRefused(network.ToString(), options.Value.Connections.PerAddress);
        }

        connection.Abort(new ConnectionAbortedException("The client holds too many connections"));
        return Task.CompletedTask;
    }

    private async Task RunCountedAsync(ConnectionContext connection, ConnectionDelegate next, ClientNetwork network)
    {
        try
        {
            await next(connection);
        }
        finally
        {
            counts.Leave(network);
        }
    }

    [LoggerMessage(LogLevel.Warning,
        "Connection from {Network} refused: it already holds {Count}. Raise Gateway:Connections:PerAddress, or list your own proxy in "
        + "Gateway:TrustedProxies")]
    private partial void LogRefused(string network, int count);
}

/// <summary>
/// Counts live connections by client. Only clients with a connection take memory, so the limit on all connections bounds the memory too.
/// The counts are sharded, so that accepting threads seldom wait for each other.
/// </summary>
internal sealed class ConnectionCounts(int limit)
{
    private readonly Dictionary<ClientNetwork, int>[] shards =
        [.. Enumerable.Range(0, 64).Select(_ => new Dictionary<ClientNetwork, int>())];

    public bool TryEnter(ClientNetwork network)
    {
        var shard = ShardOf(network);
        lock (shard)
        {
            var count = shard.GetValueOrDefault(network);
            if (count >= limit)
            {
                return false;
            }

            shard[network] = count + 1;
            return true;
        }
    }

    public void Leave(ClientNetwork network)
    {
        var shard = ShardOf(network);
        lock (shard)
        {
            if (--shard[network] == 0)
            {
                shard.Remove(network);
            }
        }
    }

    private Dictionary<ClientNetwork, int> ShardOf(ClientNetwork network) => shards[(uint)network.GetHashCode() % (uint)shards.Length];
}
