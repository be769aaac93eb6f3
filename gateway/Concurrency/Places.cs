using System.Runtime.InteropServices;
using AuthMesh.Requests;

namespace AuthMesh.Gateway.Concurrency;

/// <summary>What came of a request that wanted a place.</summary>
internal enum Entry
{
    Entered,

    /// <summary>The places and the queue are full, or the wait was too long.</summary>
    Busy,

    /// <summary>The client has as many places as one client may have.</summary>
    ClientIsBusy,
}

/// <summary>
/// The places of the requests that are under way at one destination. When all are taken, a few more requests wait in the order in which
/// they came: a place that becomes free goes to the first of them, and nobody overtakes.
/// </summary>
internal sealed class Places(int most, int mostOfClient, int mostWaiting, TimeProvider clock)
{
    private readonly Lock gate = new();
    private readonly Dictionary<ClientNetwork, int> clients = []; // the requests of each, under way or waiting
    private readonly LinkedList<TaskCompletionSource> queue = [];
    private int load;

    /// <summary>The requests under way and those that wait.</summary>
    public int Load => Volatile.Read(ref load);

    public bool HasRoom => Load < most;

    /// <summary>Takes a place. Each entered request must leave once.</summary>
    /// <param name="client">Whose request it is; null if the limit for one client does not apply.</param>
    /// <param name="longestWait">How long it may wait.</param>
    /// <param name="cancellationToken">Ends its wait, because its caller has left.</param>
    public ValueTask<Entry> EnterAsync(ClientNetwork? client, TimeSpan longestWait, CancellationToken cancellationToken)
    {
        LinkedListNode<TaskCompletionSource> waiting;
        lock (gate)
        {
            if (load >= most + mostWaiting)
            {
                return new(Entry.Busy);
            }

            if (!TryAdd(client))
            {
                return new(Entry.ClientIsBusy);
            }

            if (++load <= most)
            {
                return new(Entry.Entered);
            }

            waiting = queue.AddLast(new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        }

        return new(WaitAsync(waiting, client, longestWait, cancellationToken));
    }

    public void Leave(ClientNetwork? client)
    {
        TaskCompletionSource? next;
        lock (gate)
        {
            Remove(client);
            next = queue.First?.Value;
            if (next is not null)
            {
                queue.RemoveFirst();
            }
        }

        next?.SetResult();
    }

    private async Task<Entry> WaitAsync(
        LinkedListNode<TaskCompletionSource> waiting, ClientNetwork? client, TimeSpan longestWait, CancellationToken cancellationToken)
    {
        try
        {
            await waiting.Value.Task.WaitAsync(longestWait, clock, cancellationToken);
            return Entry.Entered;
        }
        catch (TimeoutException)
        {
            return TryLeaveQueue(waiting, client) ? Entry.Busy : Entry.Entered; // a place became free at this very moment
        }
        catch (OperationCanceledException)
        {
            if (!TryLeaveQueue(waiting, client))
            {
                Leave(client);
            }

            throw;
        }
    }

    private bool TryLeaveQueue(LinkedListNode<TaskCompletionSource> waiting, ClientNetwork? client)
    {
        lock (gate)
        {
            if (waiting.List is null)
            {
                return false;
            }

            queue.Remove(waiting);
            Remove(client);
            return true;
        }
    }

    private bool TryAdd(ClientNetwork? client)
    {
        if (client is not { } network)
        {
            return true;
        }

        ref var count = ref CollectionsMarshal.GetValueRefOrAddDefault(clients, network, out _);
        if (count >= mostOfClient)
        {
            return false;
        }

        count++;
        return true;
    }

    private void Remove(ClientNetwork? client)
    {
        load--;
        if (client is { } network && --CollectionsMarshal.GetValueRefOrNullRef(clients, network) == 0)
        {
            clients.Remove(network);
        }
    }
}
