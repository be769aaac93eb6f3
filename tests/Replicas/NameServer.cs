using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using AuthMesh.Replicas;

namespace AuthMesh.Tests.Replicas;

/// <summary>Resolves names as a test says, in place of the system's resolver.</summary>
internal sealed class NameServer
{
    private readonly ConcurrentDictionary<string, string[]> addresses = new();
    private int lookups;

    public LookUp LookUp => FindAsync;

    public int Lookups => Volatile.Read(ref lookups);

    /// <summary>While it is set, no lookup is answered before it completes.</summary>
    public TaskCompletionSource? Hold { get; set; }

    /// <summary>A name has these addresses from now on.</summary>
    public void Set(string name, params string[] values) => addresses[name] = values;

    /// <summary>A name does not resolve from now on.</summary>
    public void Lose(string name) => addresses.TryRemove(name, out _);

    private async Task<IPAddress[]> FindAsync(string name, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref lookups);
        await (Hold?.Task ?? Task.CompletedTask);
        return addresses.TryGetValue(name, out var found)
            ? [.. found.Select(IPAddress.Parse)]
            : throw new SocketException((int)SocketError.HostNotFound);
    }
}
