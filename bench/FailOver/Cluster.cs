using System.Diagnostics;
using Npgsql;

namespace AuthMesh.Bench.FailOver;

/// <summary>Three PostgreSQL nodes under Patroni. Two nodes have each commit before it is answered.</summary>
internal abstract class Cluster : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);

    protected abstract IReadOnlyList<INode> Nodes { get; }

    /// <summary>Connects to the leader as the superuser.</summary>
    public abstract Task<NpgsqlConnection> ConnectAsync();

    /// <summary>Waits until one node leads and both others follow it, one of them synchronously.</summary>
    public async Task UntilWholeAsync()
    {
        var waited = Stopwatch.StartNew();
        while (true)
        {
            var members = await ReadAsync();
            var roles = members.Values.Where(member => member.State is "running" or "streaming").Select(member => member.Role).Order();
            if (roles.SequenceEqual(["leader", "replica", "sync_standby"]))
            {
                return;
            }

            if (waited.Elapsed > Patience)
            {
                throw new InvalidOperationException(
                    $"The cluster is not whole after {Patience.TotalSeconds:0} s: {string.Join(", ", members)}"
                    + string.Concat(Nodes.Select(node => $"\n{node.Name}: {node.ReadLog()}")));
            }

            await Task.Delay(200);
        }
    }

    /// <summary>The node with this role: <c>leader</c>, <c>sync_standby</c> or <c>replica</c>.</summary>
    public async Task<INode> FindAsync(string role)
    {
        var waited = Stopwatch.StartNew();
        while (waited.Elapsed < Patience)
        {
            if ((await ReadAsync()).FirstOrDefault(member => member.Value.Role == role).Key is { } found)
            {
                return Nodes.First(node => node.Name == found);
            }

            await Task.Delay(100);
        }

        throw new InvalidOperationException($"No node is {role}.");
    }

    public abstract ValueTask DisposeAsync();

    // Any node may be dead or cut off. The others know the same from etcd.
    private async Task<IReadOnlyDictionary<string, (string Role, string State)>> ReadAsync()
    {
        var views = await Task.WhenAll(Nodes.Select(node => node.Patroni.ReadClusterAsync()));
        return views.MaxBy(view => view.Count)!;
    }
}

/// <summary>A node of the cluster: PostgreSQL, and Patroni, which runs it.</summary>
internal interface INode
{
    /// <summary>Its name in the cluster.</summary>
    string Name { get; }

    PatroniApi Patroni { get; }

    /// <summary>Kills the postmaster alone. Patroni sees that and acts.</summary>
    Task KillPostmasterAsync();

    /// <summary>Kills everything at once, as when the machine loses its power.</summary>
    Task KillAsync();

    /// <summary>Starts the node again.</summary>
    Task StartAsync();

    /// <summary>Cuts the node off: connections stay open, and nothing passes.</summary>
    Task CutOffAsync();

    Task ReconnectAsync();

    /// <summary>The last lines of Patroni's log.</summary>
    string ReadLog();
}
